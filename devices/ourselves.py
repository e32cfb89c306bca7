"""What the service says itself, as messages of its own in the journal. Rule: nobody outside can say it.

Whether the broker is reached, and what staff report at the desk (who is away, who stands in), are inputs of
the rules like any other, so that a replay decides the same; so is a test call, once `ingest.intake` has seen
by its signature that it is ours. The topics begin with `$`: no broker gives such ones to a subscription with
a wildcard, and `ingest.intake` takes none from a broker. No device of a site has a site of that name.
"""

from dataclasses import replace

import orjson

from devices.message import Message
from devices.observation import Observation
from devices.reading import TimeSource

TOPIC = "$shouwang/broker"
BROKER = ("$shouwang", "broker")
"""Site and device of what is said about the broker."""

DESK_TOPIC = "$shouwang/desk"
DESK = ("$shouwang", "desk")
"""Site and device of what is reported at the desk: a `telemetry` payload of the native protocol."""

SYNTHETIC_TOPIC = "$shouwang/synthetic"
SYNTHETIC = ("$shouwang", "$synthetic")
"""Site and device of test calls (`alerts.synthetic`): an `event` payload of the native protocol."""


MOTION_TOPIC = "$shouwang/motion"
"""Of what we saw in a device's accelerometer: `site`, `device`, `channel`, and under `said` what the device
would have said on that channel of the native protocol."""

AFTER_FALL = ("no movement after the fall", "moves after the fall")
"""What such a device told of the ten seconds after a fall: whether it moved."""


def ours(topic: str) -> bool:
    """Whether only the service may use this topic."""
    return topic.startswith("$shouwang/")


def fall_message(site: str, device: str, at: int, confidence: float, why: str, received_at: int) -> Message:
    """The journal's entry of a fall seen in the accelerometer of a device: the impact was `at` (ms UTC).

    Its `id` is the impact's time: the same fall found again, after a crash, is the same event. Where the
    device's times are not exact it may be one of a few ms beside, of the same minute: told again, nobody is
    called again (`rules.kinds.fall`).
    """
    said: dict[str, str | float] = {
        "event": "fall",
        "ts": at,
        "id": f"motion:{at}",
        "confidence": confidence,
        "note": why,
    }
    return _seen_message(site, device, "event", said, received_at)


def rest_message(site: str, device: str, at: int, fall: int, received_at: int, *, moving: bool) -> Message:
    """The journal's entry of whether a device moves after a fall: `fall` is the impact's time, `at` now's."""
    said: dict[str, str | float] = {
        "moving": moving,
        "ts": at,
        "id": f"rest:{fall}",
        "note": AFTER_FALL[moving],
    }
    return _seen_message(site, device, "telemetry", said, received_at)


def _seen_message(
    site: str, device: str, channel: str, said: dict[str, str | float], received_at: int
) -> Message:
    payload = orjson.dumps({"site": site, "device": device, "channel": channel, "said": said})
    return Message(MOTION_TOPIC, payload, received_at, qos=1)


def seen(message: Message) -> tuple[Message, tuple[str, str], str] | None:
    """What we saw in an accelerometer: as a message of the device, which one (site, id), on which channel.

    None: the message is of something else.
    """
    if message.topic != MOTION_TOPIC:
        return None
    found = orjson.loads(message.payload)
    said = replace(message, payload=orjson.dumps(found["said"]))
    return said, (found["site"], found["device"]), found["channel"]


def broker_message(at: int, *, reached: bool) -> Message:
    """The journal's entry that says whether the broker is reached, from `at` on (ms, our clock)."""
    return Message(TOPIC, b"online" if reached else b"offline", at, qos=1)


def broker_observation(message: Message) -> Observation:
    """What such an entry means: `online` of the broker."""
    return Observation(
        device=BROKER[1],
        metric="online",
        value=message.payload == b"online",
        at=message.received_at,
        received_at=message.received_at,
        at_source=TimeSource.ARRIVAL,
        site=BROKER[0],
    )
