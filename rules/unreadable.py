"""A device that can call for help sent what nobody can read. Rule: that is told, for it may have been a call.

FAMILIES rule 8: a frame without a codec, an encrypted one, broken JSON of a call button is a technical alert,
never a silent drop. The message itself stays in quarantine. One episode per device; of a device that goes on
so, people are called again every SAME_MS, and at once after somebody answered: as of any call.
"""

from devices.reading import Rejected
from devices.registry import Device
from rules.decision import TECHNICAL, Change, Decision, Evidence, Severity

UNREADABLE = "unreadable"
"""Rule of these decisions, and metric of their evidence; no rule of a file may be called so."""

SAME_MS = 600_000


def unreadable(device: Device, rejected: Rejected, key: str, received_at: int) -> Decision:
    """The alert about one message. `key` identifies the message for good; `received_at` is ms UTC."""
    cause = f"{UNREADABLE}:{device.site}/{device.id}"
    evidence = Evidence(
        f"{cause}|{key}", UNREADABLE, device.id, received_at, received_at, rejected.reason.value, SAME_MS
    )
    return Decision(
        change=Change.RAISE,
        rule=UNREADABLE,
        kind=TECHNICAL,
        subject=device.resident or device.place or f"device:{device.site}/{device.id}",
        cause=cause,
        severity=Severity.HIGH,
        at=received_at,
        evidence=evidence,
        facts={"device": device.id, "reason": rejected.reason.value},
    )
