"""What LoRaWAN codecs say, whichever network server carries it: shared by The Things Stack and ChirpStack.

Rule: the network server's envelope is not known here; the codec's words are data of the catalogue.
"""

from collections.abc import Iterable, Iterator

from devices.catalogue import words_of
from devices.envelope import Json, list_of, object_of, text_of
from devices.families.places import say_place
from devices.instants import iso_ms
from devices.metrics import METRICS, Kind
from devices.notation import Vocabulary
from devices.reading import Reading
from devices.words import Fields, Origin, Said, Scalar, flatten, own_time, speak, speak_fields, speak_items

_DIALECT = "lorawan"
_NAMES_OF_MODEL = ("deviceModel", "Device", "Node_type", "SENSOR_MODEL", "model", "sensor", "typeOfProduct")
_ECHO = frozenset("bytes raw payload hex payload_hex port fport f_port error errors warnings".split())
_WRAPPERS = ("data", "bytes", "decoded")
_MAX_MESSAGES = 64
_MAX_KEY = 200
_TIMES = ("time", "nsTime", "gwTime", "received_at")
_RADIO = ("rssi", "snr")
_EVENTS = frozenset(name for name, metric in METRICS.items() if metric.kind is Kind.EVENT)


def codec(decoded: dict[str, Json], models: Iterable[str], origin: Origin, said: Said) -> None:
    """Adds what a codec's output says. `models` is what is known of the model, the most trusted first."""
    decoded = _unwrapped(decoded)
    named = [name for name in _NAMES_OF_MODEL if name in decoded]
    inside = [text_of(decoded[name]) for name in named]
    vocabulary = words_of(_DIALECT, *[model[:_MAX_KEY] for model in (*models, *inside) if model.strip()])
    fields, lists = flatten(decoded)
    for name in named:
        fields.pop(name, None)
    speak_fields(vocabulary, fields, origin, said)
    for name, items in lists:
        if name == "messages":
            _sensecap(vocabulary, items, origin, said)
        else:
            speak_items(vocabulary, name, items, origin, said)


def _unwrapped(decoded: dict[str, Json]) -> dict[str, Json]:
    """What a codec means: some put it once more into what the server already took it out of."""
    for name in _WRAPPERS:
        inner = decoded.get(name)
        if isinstance(inner, dict) and all(other == name or other.lower() in _ECHO for other in decoded):
            return inner
    return decoded


def unread(decoded: Json) -> bool:
    """Whether a codec's output only repeats the frame, or says itself that it could not read it.

    The Things Stack's formatter as first created returns `{"bytes": [...]}`; SenseCAP's says `valid: false`.
    """
    if not isinstance(decoded, dict):
        return False
    if decoded.get("valid") is False:
        return True
    for name, value in decoded.items():  # noqa: SIM110  (`all` is slower, and this is for each uplink)
        if name.lower() not in _ECHO or isinstance(value, dict):
            return False
    return True


def normalised(measurements: Json, origin: Origin, said: Said) -> None:
    """Adds what The Things Stack's normalised payload says and the codec's own words did not."""
    vocabulary = words_of(_DIALECT, "TTS-NORMALIZED")
    already = {reading.metric for reading in said.readings}
    more = Said()
    # several in an uplink as it is forwarded, one in each message of `up/normalized`
    for one in measurements[:_MAX_MESSAGES] if isinstance(measurements, list) else (measurements,):
        if isinstance(one, dict):
            speak(vocabulary, one, origin, more)
    said.readings += [reading for reading in more.readings if reading.metric not in already]


def radio(receptions: Json, origin: Origin, said: Said) -> None:
    """Adds the best signal of all gateways that heard the uplink."""
    if not isinstance(receptions, list):
        return
    best: dict[str, float] = {}
    for one in receptions[:_MAX_MESSAGES]:
        if not isinstance(one, dict):
            continue
        for name in _RADIO:
            value = one.get(name)
            if type(value) is int or type(value) is float:
                held = best.get(name)
                if held is None or value > held:
                    best[name] = value
    for name, value in best.items():
        said.add(origin, name, value)


def location(place: Json, origin: Origin, said: Said) -> None:
    """Adds a position that the network resolved."""
    found = object_of(place)
    say_place(found.get("latitude"), found.get("longitude"), origin, said, found.get("accuracy"))


def first_time(candidates: Iterable[Json]) -> int | None:
    """The first of several RFC 3339 times that is one, in ms UTC."""
    for candidate in candidates:
        at = iso_ms(candidate) if isinstance(candidate, str) else None
        if at is not None:
            return at
    return None


def times(receptions: Json) -> list[Json]:
    """When the gateways heard an uplink, for those that know the time."""
    heard = list_of(receptions)[:_MAX_MESSAGES]
    return [one[name] for one in heard if isinstance(one, dict) for name in _TIMES if name in one]


def once(readings: list[Reading]) -> list[Reading]:
    """The readings, with an event that two words of one message told only once, and no contradictions.

    Where a message says of one moment that something is so and that it is not (water at one probe of two),
    it is so: what is not comes first when it is of a channel of its own, and not at all otherwise.
    """
    if len(readings) < 2:
        return readings
    told: set[tuple[str, int | None, str]] = set()
    yes: set[tuple[str, int | None]] = set()
    kept: list[Reading] = []
    for reading in readings:
        if reading.metric in _EVENTS:
            event = (reading.metric, reading.at, reading.key)
            if event in told:
                continue
            told.add(event)
        elif reading.value is True:
            yes.add((reading.metric, reading.at))
        kept.append(reading)
    denied = [one for one in kept if one.value is False and (one.metric, one.at) in yes] if yes else []
    if not denied:
        return kept
    return [
        *(reading for reading in denied if reading.detail),
        *(
            reading
            for reading in kept
            if not (reading.value is False and (reading.metric, reading.at) in yes)
        ),
    ]


def _sensecap(vocabulary: Vocabulary, messages: list[Json], origin: Origin, said: Said) -> None:
    """SenseCAP's lists of `{measurementId, measurementValue, timestamp}`: one message per timestamp."""
    moments: dict[Scalar, Fields] = {}
    for one in _measurements(messages, said):
        stamp = one.get("timestamp")
        fields = moments.setdefault(stamp if isinstance(stamp, (int, float, str)) else None, {})
        number, value = one.get("measurementId"), one.get("measurementValue")
        if number is None:
            fields |= flatten(
                {name: held for name, held in one.items() if name not in {"timestamp", "type"}}
            )[0]
        elif isinstance(value, list):
            events = [event.get("id") for event in value if isinstance(event, dict)]
            fields |= {f"event status.{_whole(event)}": True for event in events if event is not None}
        elif not isinstance(value, dict):
            fields[f"measurement.{_whole(number)}"] = value
    for stamp, fields in moments.items():
        at = own_time(stamp, origin.received_at)
        key = f"{at}:{','.join(fields)}"[
            :_MAX_KEY
        ]  # one moment may come in several frames, each with its part
        speak_fields(vocabulary, fields, origin if at is None else origin.moment(at, key), said)


def _measurements(messages: list[Json], said: Said) -> Iterator[dict[str, Json]]:
    for one in messages[:_MAX_MESSAGES]:
        several = one if isinstance(one, list) else [one]
        for measurement in several[:_MAX_MESSAGES]:
            if isinstance(measurement, dict):
                yield measurement
        if len(several) > _MAX_MESSAGES:
            said.left.append("messages")
    if len(messages) > _MAX_MESSAGES:
        said.left.append("messages")


def _whole(number: Json) -> Json:
    """A number without the fraction that ChirpStack gives every number."""
    return int(number) if isinstance(number, float) and number.is_integer() else number
