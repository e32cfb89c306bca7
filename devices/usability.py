"""Whether what a device measures can be used. Rule: told when it changes, once, from its own messages alone.

R-94: a reject must never hide an emergency, so a device whose readings are impossible (out of range, of a
wrong type, no JSON) says by that something of itself: `usable` false, until each of those metrics has come
with a value again. "No value" (a pulse of 0, NaN, a sentinel: R-95) is no fault: nobody wears it, and `worn`
and silence tell of that.
"""

from collections.abc import Iterable

from devices.families.facts import texts_in, written
from devices.message import Message
from devices.observation import Observation
from devices.reading import Known, Learned, Reason, Rejected, TimeSource
from devices.registry import Registry

USABLE = "usable"
"""The metric of what is told, and the fact that keeps what was unusable last (a list of metrics)."""

MESSAGE = "message"
"""In place of a metric: the whole message could not be read."""

_IMPOSSIBLE = frozenset((Reason.OUT_OF_RANGE, Reason.WRONG_TYPE))
_UNREADABLE = frozenset(
    (Reason.NOT_UTF8, Reason.NOT_JSON, Reason.TOO_DEEP, Reason.WRONG_SHAPE, Reason.UNDECODED)
)


def usability(
    observations: Iterable[Observation],
    rejected: Iterable[Rejected],
    message: Message,
    known: Known,
    registry: Registry,
    site: str,
) -> list[tuple[Observation, Learned]]:
    """What changed by a message, of registered devices: the observation, and what to know from then on."""
    bad: dict[str, set[str]] = {}
    for one in rejected:
        if one.device and (what := _unusable(one)):
            bad.setdefault(one.device, set()).add(what)
    good: dict[str, set[str]] = {}
    for observation in observations:
        good.setdefault(observation.device, {MESSAGE}).add(observation.metric)
    found: list[tuple[Observation, Learned]] = []
    for device in dict.fromkeys((*bad, *good)):
        about = f"{site}/{device}"
        fact = known.fact(about, USABLE)
        if not fact and device not in bad:
            continue
        before = set(texts_in(fact))
        after = (before - good.get(device, set())) | bad.get(device, set())
        registered = registry.device(site, device)
        if after == before or registered is None:
            continue
        resident, place = registry.bound(site, device)
        observation = Observation(
            device=device,
            metric=USABLE,
            value=not after,
            at=message.received_at,
            received_at=message.received_at,
            at_source=TimeSource.ARRIVAL,
            site=site,
            resident=resident,
            place=place,
            detail=", ".join(sorted(after))[:200],
        )
        found.append((observation, Learned(about, USABLE, written(sorted(after)))))
    return found


def _unusable(rejected: Rejected) -> str:
    """What of a device is unusable by this: a metric, the message; "" for nothing."""
    if rejected.metric:
        return rejected.metric if rejected.reason in _IMPOSSIBLE else ""
    return MESSAGE if rejected.reason in _UNREADABLE else ""
