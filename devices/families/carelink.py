"""Carelink trackers of people with dementia: `<id>/status`, `<id>/fall/...`, `<id>/wandering/...`, JSON.

Rule: a fall that the device detected is suspected until the wearer confirms it or says that it was none. The
level of the battery is in mAh of an unknown whole, so it is none.
"""

import re

from devices.envelope import Json, json_object, object_of, text_of
from devices.families import unreadable
from devices.families.online import online
from devices.families.places import say_place
from devices.instants import iso_ms
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource
from devices.words import Origin, Said, number_of, truth_of

FAMILY = "carelink"
TOPICS = ("+/status", "+/statusWifiAPs", "+/fall/+", "+/wandering/+")

# An id is alphanumeric. Other people's devices with a topic `<name>/status` rarely have a digit in it.
_TOPIC = re.compile(
    r"([^/]+)/(statusWifiAPs|fall/detected|fall/confirmation|wandering/(?:detected|confirmation|notification))"
    r"|((?=[A-Za-z]*[0-9])[A-Za-z0-9]+)/"
    r"(status|active|zones/(?:home|regular|dangerous)|configuration/(?:energyProfile|notifications|wifi|lteNB))"
)
_TOLD_TO_IT = ("active", "zones/", "configuration/", "wandering/notification")
_TEXTS = {"online": True, "offline": False}
_LAST_WILL = "lw:"
_CONFIRMED = {
    "*": {
        "true": True,
        "1": True,
        "yes": True,
        "positive": True,
        "false": False,
        "0": False,
        "no": False,
        "negative": False,
    }
}


def claims(topic: str) -> bool:
    """Whether the topic is what a device of this specification publishes."""
    return _TOPIC.fullmatch(topic) is not None


def decode(message: Message, known: Known) -> Decoded | Rejected:  # noqa: ARG001  every family has this signature
    """One message of a device, or its last will on the topic of its status."""
    topic = _TOPIC.fullmatch(message.topic)
    if topic is None:
        return Rejected(Reason.UNKNOWN_TOPIC, "expected <device>/status, <device>/fall/... or the like")
    device, what = topic[1] or topic[3], topic[2] or topic[4]
    if what.startswith(_TOLD_TO_IT):
        return Decoded(FAMILY)  # what the server tells a device
    payload = json_object(message.payload, device)
    if isinstance(payload, dict):
        said = Said()
        _say(what, payload, message, device, said)
        return said.decoded(FAMILY, device)
    text = message.payload.decode(errors="replace").strip().strip('"').lower()[:200]
    if what == "status" and (text.startswith(_LAST_WILL) or text in _TEXTS):
        return Decoded(FAMILY, (online(device, _TEXTS.get(text, False)),))
    if what.startswith("fall/") and message.payload:
        return unreadable.call(FAMILY, device, "fall_suspected", payload)
    return payload


def _say(what: str, payload: dict[str, Json], message: Message, device: str, said: Said) -> None:
    at = iso_ms(text_of(payload.get("timestamp")))
    origin = Origin(device, message.received_at, at, TimeSource.DEVICE, "" if at is None else f"{what}@{at}")
    match what:
        case "fall/detected":
            said.add(origin, "fall_suspected", value=True)
        case "fall/confirmation":
            confirmed = _truth(payload.get("status"))
            said.add(origin, "fall_cleared" if confirmed is False else "fall", value=True)
        case "wandering/detected":
            said.add(origin, "geofence_exit", value=True, detail="wandering")
        case "wandering/confirmation":
            if _truth(payload.get("status")) is True:
                said.add(origin, "geofence_exit", value=True, detail="wandering confirmed")
        case _:
            said.add(origin, "online", value=True)  # there is no birth that takes back the last will
    place = _latest(object_of(payload.get("location")))
    say_place(place.get("lat"), place.get("lon"), origin, said, place.get("accuracy"))
    rate = number_of(object_of(payload.get("sensor")).get("heartrate"))
    if rate is not None and rate > 0 and rate != 255:
        said.add(origin, "heart_rate", rate)
    if "batteryLevel" in payload:
        said.left.append("batteryLevel")


def _latest(place: dict[str, Json]) -> dict[str, Json]:
    """The place; of several in one status, which is told as of the last, the last (GeoJSON: lon, lat)."""
    points = place.get("coordinates")
    last = points[-1] if isinstance(points, list) and points else None
    if place.get("type") != "MultiPoint" or not isinstance(last, list) or len(last) < 2:
        return place
    return {"lat": last[1], "lon": last[0]}


def _truth(value: Json) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, str)):
        return truth_of(
            str(value)[:20].strip().lower() if isinstance(value, str) else str(value == 1).lower(),
            "",
            _CONFIRMED,
        )
    return None
