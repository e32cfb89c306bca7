"""Sleepace bed sensors as their server pushes them: an array of `{timeStamp, dataKey, data, deviceId}`.

Rule: two people share a device, so a side is part of who it is. A device that is offline or starting says
nothing about its bed; 8 and 255 are no values.
"""

from devices.catalogue import words_of
from devices.envelope import Json, json_value, object_of
from devices.message import Message
from devices.reading import Decoded, Known, Reason, Rejected, TimeSource
from devices.words import Fields, Origin, Said, Scalar, flatten, own_time, speak_fields

FAMILY = "sleepace"
TOPICS = ("sleepace/#",)

_SIDES = {0: "left", 1: "right", "0": "left", "1": "right", "left": "left", "right": "right"}
_MOST_ITEMS = 1_024
_MOST_PARTS = 8
_MOST_REJECTED = 32


def claims(topic: str) -> bool:
    """Whether the topic's first level is Sleepace's: `sleepace/push`, `sleepace-57136`."""
    return topic.split("/", 1)[0].lower().startswith("sleepace")


def recognises(payload: Json) -> bool:
    """Whether it is a push of Sleepace's, whose topic is the partner's account."""
    first = payload[0] if isinstance(payload, list) and payload else payload
    return isinstance(first, dict) and "dataKey" in first and "deviceId" in first and "data" in first


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """A push: an array of items of any devices, or one item alone."""
    payload = json_value(message.payload)
    if isinstance(payload, Rejected):
        return payload
    items = payload if isinstance(payload, list) else [payload]
    said = Said()
    for item in items[:_MOST_ITEMS]:
        wrong = _item(item, message, known, said) if isinstance(item, dict) else "expected an object"
        if wrong and len(said.rejected) < _MOST_REJECTED:
            said.rejected.append(Rejected(Reason.WRONG_SHAPE, wrong))
    if len(items) > _MOST_ITEMS:
        said.left.append("items")
    if said.rejected and not said.readings and len(items) == len(said.rejected):
        return said.rejected[0]
    return said.decoded(FAMILY, "")


def _item(item: dict[str, Json], message: Message, known: Known, said: Said) -> str:
    """One item. Returns what is wrong with it."""
    named, about = item.get("deviceId"), item.get("dataKey")
    if not isinstance(named, str) or not named or not isinstance(about, str):
        return "expected deviceId and dataKey"
    data = item.get("data")
    for part in data[:_MOST_PARTS] if isinstance(data, list) else (data,):
        _part(part, named[:200], about.strip().lower()[:40], item, message, known, said)
    return ""


def _part(
    data: Json, device: str, what: str, item: dict[str, Json], message: Message, known: Known, said: Said
) -> None:
    """The data of an item, or of one of two sleepers in it; a bare value is that of the dataKey."""
    fields: Fields = {name.lower(): value for name, value in flatten(object_of(data))[0].items()}
    if not isinstance(data, (dict, list)):
        fields = {"": data}
    side: Json = fields.pop("leftright", None)
    if side is None:
        side = item.get("leftRight")
    where = _SIDES.get(side, "") if isinstance(side, (int, str)) else ""
    sided = f"{device}/{where}" if where else device
    vocabulary = words_of(FAMILY, *known.models(sided), *known.models(device))
    if "leftright" not in vocabulary.words:  # else a device for one, whose side is always 0
        device = sided
    # An alarm has a time of its own, and one at which it was relieved; the envelope's is when it was pushed.
    stamp = fields.pop("timestamp", None) or item.get("timeStamp") or item.get("timestamp")
    state = "relieved" if fields.get("status") in {1, "1"} else "raised"
    if what == "alarmnotify" and state == "relieved":
        stamp = fields.get("relievetime") or stamp
    at = own_time(stamp, message.received_at)
    key = "" if at is None else f"{what}@{at}"
    if what == "alarmnotify":
        what = _name(fields.pop("type", None))
        key = f"{what} {_number(fields.pop('id', None)) or at} {state}"
    origin = Origin(device, message.received_at, at, TimeSource.DEVICE, key)
    if what == "realtime" and fields.get("initstatus") in {1, "1"}:
        return
    if f"alarm.{_alarm(what)}" in vocabulary.words:
        fields = {f"alarm.{_alarm(what)}": state}
    else:
        fields = {f"{what}.{name}" if name else what: value for name, value in fields.items()}
    speak_fields(vocabulary, fields, origin, said)


def _name(value: Scalar) -> str:
    return value.strip().lower()[:40] if isinstance(value, str) else ""


def _alarm(what: str) -> str:
    """`alarmLeftBed` is `leftbed`."""
    return what.removeprefix("alarm").replace("_", "")


def _number(value: Scalar) -> str:
    """The number of an alarm, which is its own for ever."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return ""
    return value[:60] if isinstance(value, str) else str(value) if 0 < value < 2**64 else ""
