"""OwnTracks phones and trackers: `owntracks/<user>/<device>[/event, /step ...]`, told apart by `_type`.

Rule: `tst` is when it happened, except in a last will, where it is when the phone had connected (booklet,
"JSON"): a phone is off line as of now. What is encrypted is said to be unreadable, never dropped.
"""

from devices.catalogue import words_of
from devices.envelope import Json, json_object, text_of
from devices.families.online import online
from devices.families.places import place_of
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource
from devices.words import Origin, Said, flatten, number_of, own_time, speak_fields

FAMILY = "owntracks"
TOPICS = ("owntracks/#",)

_BASE = "owntracks/"
_TYPES = frozenset(
    "location transition lwt steps beacon waypoint waypoints card cmd configuration status request "
    "encrypted dump".split()
)
_BELOW = frozenset("event step steps beacon waypoint waypoints dump status cmd info request ping".split())
"""Levels that an app adds to its own base, which is `<user>/<device>` below whatever was configured."""
_QUIET = _TYPES - {"location", "transition", "lwt", "steps", "beacon", "encrypted"}
_TRANSITIONS = {"enter": "geofence_enter", "leave": "geofence_exit"}
_MOVING = frozenset(("walking", "running", "cycling", "automotive"))
_QUECLINK = {
    # a tracker's reason to report ("t" of qtripp)
    "e": ("mains_power", False),
    "E": ("mains_power", True),
    "1": ("power_on", True),
    "2": ("charging", False),
    "3": ("charging", True),
    "9": ("battery_low", True),
}
_MAX_DETAIL = 100
_MAX_REGIONS = 16


def claims(topic: str) -> bool:
    """Whether the topic is below OwnTracks' base."""
    return topic.startswith(_BASE)


def recognises(payload: Json) -> bool:
    """Whether the payload names one of OwnTracks' types and a time: for other bases than `owntracks`."""
    return isinstance(payload, dict) and isinstance(payload.get("_type"), str) and payload["_type"] in _TYPES


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message of an app, or of the broker on behalf of one that was lost."""
    device, about = _whose(message.topic)
    if about in {"cmd", "info"} or not message.payload:  # commands, cards, a retained message taken away
        return Decoded(FAMILY)
    payload = json_object(message.payload, device)
    if isinstance(payload, Rejected):
        return payload
    kind = payload.get("_type")
    if not isinstance(kind, str) or kind not in _TYPES:
        return Rejected(Reason.WRONG_SHAPE, "_type is none of OwnTracks", device)
    if kind in _QUIET:
        return Decoded(FAMILY)
    if kind == "encrypted":
        return Rejected(Reason.UNDECODED, "encrypted by the app", device)
    if kind == "lwt":
        return Decoded(FAMILY, (online(device, state=False),))
    at = own_time(payload.get("tst"), message.received_at)
    origin, said = Origin(device, message.received_at, at, TimeSource.DEVICE), Said()
    if kind == "location":
        _location(payload, known, origin, said)
    elif kind == "transition":
        _transition(payload, origin, said)
    elif kind == "steps":
        _steps(payload, origin, said)
    else:
        _beacon(payload, origin, said)
    sent = own_time(payload.get("created_at") or payload.get("sent"), message.received_at)
    return said.decoded(FAMILY, device, sent_at=None if at is None else sent)


def _whose(topic: str) -> tuple[str, str]:
    """The user and device of a topic, and what stands below them; below another base they come last."""
    if topic.startswith(_BASE):
        levels = topic.removeprefix(_BASE).split("/")
        return "/".join(levels[:2]), "/".join(levels[2:])
    levels = topic.strip("/").split("/")
    about = levels.pop() if len(levels) > 2 and levels[-1] in _BELOW else ""
    return "/".join(levels[-2:]), about


def _location(payload: dict[str, Json], known: Known, origin: Origin, said: Said) -> None:
    fields, _ = flatten(payload)
    fields.pop("_type", None)
    if _place(payload) is None:
        for name in ("lat", "lon", "acc", "vel"):
            fields.pop(name, None)
    tracker = "imei" in payload or "rit" in payload or "ubatt" in payload
    vocabulary = words_of(FAMILY, *(("Queclink",) if tracker else ()), *known.models(origin.device))
    speak_fields(vocabulary, fields, origin, said)
    reason = text_of(payload.get("t"))
    if tracker and reason in _QUECLINK:
        metric, value = _QUECLINK[reason]
        said.add(origin, metric, value)
    crossing = _TRANSITIONS.get(text_of(payload.get("event")).strip().lower())
    if crossing is not None:  # of apps before there were transitions
        said.add(origin, crossing, value=True, detail=text_of(payload.get("desc"))[:_MAX_DETAIL])
    regions = payload.get("inregions")
    if isinstance(regions, list) and regions:
        names = [one for one in regions[:_MAX_REGIONS] if isinstance(one, str) and one]
        if names:
            said.add(origin, "zone", ", ".join(names)[:_MAX_DETAIL])
    activities = payload.get("motionactivities")
    if isinstance(activities, list):
        found = {one for one in activities[:_MAX_REGIONS] if isinstance(one, str)}
        if found & _MOVING:
            said.add(origin, "moving", value=True)
        elif found == {"stationary"}:
            said.add(origin, "moving", value=False)


def _place(payload: dict[str, Json]) -> tuple[float, float] | None:
    """Where it says that it is: a phone without a fix, or of a region to be deleted, says no place."""
    return place_of(payload.get("lat"), payload.get("lon"))


def _transition(payload: dict[str, Json], origin: Origin, said: Said) -> None:
    event = _TRANSITIONS.get(text_of(payload.get("event")).strip().lower())
    if event is None:
        said.left.append("event")
    else:
        name = text_of(payload.get("desc")) or text_of(payload.get("rid"))
        said.add(origin, event, value=True, detail=name[:_MAX_DETAIL])
    if _place(payload) is not None:
        for name, metric in (("lat", "latitude"), ("lon", "longitude"), ("acc", "location_accuracy")):
            number = number_of(payload.get(name))
            if number is not None and (metric != "location_accuracy" or number >= 0):
                said.add(origin, metric, number)


def _steps(payload: dict[str, Json], origin: Origin, said: Said) -> None:
    """Steps of a stretch of time, told as of its end. -1: the phone does not count them."""
    steps = number_of(payload.get("steps"))
    if steps is None or steps < 0:
        return
    end = own_time(payload.get("to"), origin.received_at)
    readings = Said()
    readings.add(origin, "steps", steps)
    said.readings += [one if end is None else one._replace(at=end) for one in readings.readings]


def _beacon(payload: dict[str, Json], origin: Origin, said: Said) -> None:
    """The beacon that a phone is near. `prox` 0: how near could not be told."""
    name = text_of(payload.get("desc"))
    if name and number_of(payload.get("prox")) in {1, 2, 3}:
        said.add(origin, "zone", name[:_MAX_DETAIL])
