"""A way to call for help, part by part, and until when it works. Rule: what was told holds until unsaid.

A line is a device that can call, the gateways it is heard through, and the broker. It is lost when one of
these is: each reason counts from when it was told or last heard, after a grace of its own (`Graces`), so
when a line is lost is known ahead and needs no looking. From the moment we hear nobody (`outage`) nothing new
is known of anybody: then the broker is the one cause, and silence is nobody's but ours.
"""

from collections.abc import Iterator, Mapping
from datetime import time
from typing import NamedTuple, Protocol

from devices.observation import Observation, Quality
from devices.registry import Device
from rules.deadlines import window_at

NEVER = 1 << 62
CAUSE = "broker"
"""The cause that all lines have in common."""

RECOVERED = 8.0  # %, R-28's 5 % and the deadband of 3
_FLAT = 5.0
_BAD, _STALE = Quality.BAD, Quality.STALE
_FINEST_MS, _COARSEST_MS = 90, 30_000
_STATES = {  # metric: the value that is a trouble (or a charger), told of until the other is
    "battery_low": True,
    "charging": True,
    "worn": False,
    "tamper": True,
    "fault": True,
    "bed_occupied": True,
}
_TELLING = frozenset((*_STATES, "battery", "online", "stand_in"))  # more than that a device lives
_PLENTY = 10.0  # % of battery that needs no second look
DeviceKey = tuple[str, str]
"""Site and id."""


class Graces(Protocol):
    """After how long each reason counts, ms."""

    @property
    def after(self) -> int:
        """A device or a gateway that said it is offline."""

    @property
    def broker_after(self) -> int:
        """The broker that we do not reach."""

    @property
    def flat_after(self) -> int:
        """A battery of 5 % or less."""

    @property
    def replace_within(self) -> int:
        """A battery that is called low, by a device that gives no percentage."""

    @property
    def unworn_after(self) -> int:
        """A wearable that is not worn."""

    @property
    def charging_after(self) -> int:
        """The same while it is being charged."""

    @property
    def charging_at_night(self) -> bool:
        """Whether a wearable on its charger at night is within reach of the bed, and so a way to call."""

    @property
    def night(self) -> tuple[time, time]:
        """When that is, local time."""

    @property
    def tamper_after(self) -> int:
        """A cord that is pulled out, a cover that is opened."""

    @property
    def fault_after(self) -> int:
        """A device that reports a fault of its own."""


class Part(NamedTuple):
    """A device on the way: when last `heard`, since when `offline`, what it `told` and since when.

    Times are ms UTC, of arrival. Before `fresh` another message says nothing new: `heard` is exact to a
    thousandth of the supervision. 0: it never spoke. `since`: from then on it spoke regularly, without a
    silence as long as its supervision.
    """

    site: str
    device: str
    heard: int
    fresh: int = 0
    since: int = 0
    offline: int | None = None
    told: tuple[tuple[str, int], ...] = ()


class Loss(NamedTuple):
    """When a line is lost if nothing more is heard, to whom (the cause, its device and metric), and why."""

    at: int
    rank: int
    cause: str
    device: str
    metric: str
    why: str
    heard: int


class Network(NamedTuple):
    """What the losses of one resident's lines depend on: her parts, and through which gateways they go."""

    parts: Mapping[DeviceKey, Part]
    gateways: Mapping[DeviceKey, tuple[Device, ...]]
    graces: Graces
    zone: str
    outage: int | None


def spoke(part: Part, supervision_ms: int, at: int) -> Part:
    """The part after its device said anything."""
    grain = min(max(supervision_ms >> 10, _FINEST_MS), _COARSEST_MS)
    heard = max(part.heard, at)
    since = part.since if part.fresh and at - part.heard < supervision_ms else at
    return Part(part.site, part.device, heard, heard + grain, since, None, part.told)


def spoke_again(part: Part, at: int) -> Part:
    """The same of a part that is not offline and spoke before, within its supervision."""
    site, device, heard, fresh, since, _, told = part
    return Part(site, device, at, at + fresh - heard, since, None, told)


def said(part: Part, observation: Observation) -> Part:
    """The part after what its device said of itself; what is stale or bad says nothing (R-94)."""
    if observation.quality is _STALE or observation.quality is _BAD:
        return part
    metric, value, at = observation.metric, observation.value, observation.received_at
    told = dict(part.told)
    if metric == "battery" and isinstance(value, (int, float)):
        if value > _FLAT:
            told.pop("battery_low", None)  # the percentage knows better
        if value <= _FLAT:
            told.setdefault("battery", at)
        elif value >= RECOVERED:
            told.pop("battery", None)
    elif metric in _STATES:
        if value is _STATES[metric]:
            told.setdefault(metric, at)
        else:
            told.pop(metric, None)
    now = tuple(told.items())
    return part if now == part.told else part._replace(told=now)


def plain(part: Part, observation: Observation) -> bool:
    """Whether this says no more than that a device lives which is not offline."""
    metric, value = observation.metric, observation.value
    if metric not in _TELLING:
        return True
    if metric == "battery":
        return not part.told and isinstance(value, (int, float)) and value > _PLENTY
    if metric == "online":
        return value is not False
    return metric in _STATES and (value is _STATES[metric]) == holds(part, metric)


def holds(part: Part, metric: str) -> bool:
    """Whether the device said so, and did not take it back."""
    return any(name == metric for name, _ in part.told)


def lost(device: Device, network: Network) -> Loss:
    """When the line through this device is lost, if nothing more is heard."""
    part = network.parts[device.site, device.id]
    at, metric, why = min(_reasons(device, part, network))
    loss = Loss(at, 0, f"device:{device.site}/{device.id}", device.id, metric, why, part.heard)
    for gateway in network.gateways.get((device.site, device.id), ()):
        when = _gateway_lost(gateway, device, network)
        first = min(loss.at, when)
        if when <= loss.at or _is_offline(gateway, network):  # told within its grace: the cause all the same
            cause = f"gateway:{gateway.site}/{gateway.id}"
            loss = Loss(first, 1, cause, gateway.id, "online", "gateway", part.heard)
    outage = network.outage
    if outage is not None and loss.at > outage:
        return Loss(outage + network.graces.broker_after, 2, CAUSE, CAUSE, "online", CAUSE, part.heard)
    return loss


def spared(
    network: Network, devices: Mapping[DeviceKey, Device], since: int, until: int, settle_ms: int
) -> dict[DeviceKey, Part]:
    """The parts after we heard nobody for a time: that was no silence of theirs.

    What was not lost before has left of its time what it had, and at least `settle_ms` (or its whole
    supervision) to come back; who said goodbye before has its grace anew.
    """
    kept = {}
    for key, part in network.parts.items():
        heard, offline, supervision_ms = part.heard, part.offline, devices[key].supervision.ms
        if heard and heard + supervision_ms > since:
            heard = max(heard, min(heard, since) + until - since)
            heard = max(heard, until - supervision_ms + min(settle_ms, supervision_ms))
        if offline is not None and offline + network.graces.after > since:
            offline = max(offline, until)
        kept[key] = part._replace(heard=heard, offline=offline)
    return kept


def _reasons(device: Device, part: Part, network: Network) -> Iterator[tuple[int, str, str]]:
    """When each reason that the device itself gives will count: at, metric, why."""
    graces = network.graces
    yield _silent(part.heard, device, network.outage), "online", "silent"
    if part.offline is not None:
        yield part.offline + graces.after, "online", "offline"
    if not part.told:
        return
    told = dict(part.told)
    if "battery" in told and "charging" not in told:
        yield told["battery"] + graces.flat_after, "battery", "flat"
    if "battery_low" in told and "charging" not in told:
        yield told["battery_low"] + graces.replace_within, "battery_low", "flat"
    if "worn" in told:
        yield _unworn(told["worn"], "charging" in told, network), "worn", "unworn"
    if "tamper" in told:
        yield told["tamper"] + graces.tamper_after, "tamper", "tamper"
    if "fault" in told:
        yield told["fault"] + graces.fault_after, "fault", "fault"


def _unworn(since: int, charging: bool, network: Network) -> int:
    """A watch on the table is no way to call; on its charger at night it is within reach of the bed."""
    graces = network.graces
    if not charging:
        return since + graces.unworn_after
    due = since + graces.charging_after
    if not graces.charging_at_night:
        return due
    opens, closes = window_at(graces.night, network.zone, due)
    return due if due < opens else closes + graces.unworn_after


def _silent(heard: int, device: Device, outage: int | None) -> int:
    silent = heard + device.supervision.ms
    return NEVER if outage is not None and silent > outage else silent


def _gateway_lost(gateway: Device, device: Device, network: Network) -> int:
    """When the gateway is lost. Her line speaks for it too.

    Many speak only when they connect: silence counts once one has spoken for as long as its supervision.
    """
    part = network.parts.get((gateway.site, gateway.id))
    if part is None:
        return NEVER
    at = NEVER
    if part.heard - part.since >= gateway.supervision.ms and part.since:
        heard = max(part.heard, network.parts[device.site, device.id].heard)
        at = _silent(heard, gateway, network.outage)
    return at if part.offline is None else min(at, part.offline + network.graces.after)


def _is_offline(gateway: Device, network: Network) -> bool:
    part = network.parts.get((gateway.site, gateway.id))
    return part is not None and part.offline is not None
