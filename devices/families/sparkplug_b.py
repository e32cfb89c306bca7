"""Sparkplug B: `spBv1.0/<group>/<what>/<node>[/<device>]`, and `STATE` of the host applications.

Rule: a birth certificate says what the aliases mean; an alias without its birth is said to be unreadable,
since it may be a call for help. A node's death is told of the node; which devices are lost with it is a fact.
"""

from devices.envelope import json_value
from devices.families import facts, names
from devices.families.facts import texts_in
from devices.families.names import say
from devices.families.online import online, online_of
from devices.families.sparkplug_payload import Birth, Metric, Payload, birth_of, payload_of, typed, written
from devices.message import Message
from devices.metrics import LIFE_SAFETY
from devices.reading import Decoded, Known, Learned, Reason, Rejected, TimeSource
from devices.words import Origin, Said, own_time

FAMILY = "sparkplug-b"
TOPICS = ("spBv1.0/#", "STATE/+")
CALLS = (b"p\x01", b'"value"', *names.CALLS)
"""A truth or an integer that is 1 (`P` and `p`: urgency compares without case); texts say it themselves."""

_BASE = "spBv1.0/"
_MAX_CHILDREN = 1000
_QUIET = frozenset(("NCMD", "DCMD"))
_OWN = ("Node Control/", "Device Control/", "bdSeq")


def claims(topic: str) -> bool:
    """Whether the topic is of Sparkplug B, or the state of a host application of its older version."""
    return topic.startswith(_BASE) or (topic.startswith("STATE/") and topic.count("/") == 1)


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One birth, death, or message of a node or device, or the state of a host application."""
    levels = message.topic.split("/")
    if "STATE" in (levels[0], *levels[1:2]):
        return _host(message, levels[-1])
    if len(levels) < 4:
        return Rejected(Reason.UNKNOWN_TOPIC, "expected spBv1.0/<group>/<what>/<node>[/<device>]")
    group, what, node = levels[1], levels[2], levels[3]
    node = f"{group}/{node}"
    device = "/".join((node, *levels[4:]))
    if what in _QUIET or not message.payload:
        return Decoded(FAMILY)
    try:
        payload = payload_of(message.payload)
    except ValueError as why:
        return Rejected(Reason.WRONG_SHAPE, f"no Sparkplug payload: {why}", device)
    match what:
        case "NDEATH":
            return _node_died(payload, known, node)
        case "DDEATH":
            return Decoded(FAMILY, (online(device, state=False),))
        case "NBIRTH" | "DBIRTH":
            return _born(message, payload, known, node, device)
        case "NDATA" | "DDATA":
            births = (birth_of(known.fact(device, "metrics")), birth_of(known.fact(node, "metrics")))
            return _said(message, payload, device, births)
        case _:
            return Rejected(Reason.UNKNOWN_TOPIC, "no kind of Sparkplug message", device)


def _host(message: Message, host: str) -> Decoded | Rejected:
    """The state of a host application: JSON of version 3, text before."""
    payload = json_value(message.payload)
    if isinstance(payload, dict):
        state = payload.get("online")
        found = state if isinstance(state, bool) else None
    else:
        found = online_of(message.payload)
    if found is None:
        return Rejected(Reason.WRONG_SHAPE, "expected online or offline", host)
    return Decoded(FAMILY, (online(host or "STATE", found),))


def _node_died(payload: Payload, known: Known, node: str) -> Decoded:
    """The node's last will; its devices are lost with it, as the fact `children` says.

    It is of an older session when its `bdSeq`, which goes up to 255 and round, is before that of the last
    birth (specification 6.4.22): then the node has connected again and lives.
    """
    born = birth_of(known.fact(node, "metrics")).session
    died = next(
        (one.value for one in payload.metrics if one.name == "bdSeq" and type(one.value) is int), None
    )
    if isinstance(born, int) and isinstance(died, int) and 0 < (born - died) % 256 < 128:
        return Decoded(FAMILY)
    return Decoded(FAMILY, (online(node, state=False),))


def _born(message: Message, payload: Payload, known: Known, node: str, device: str) -> Decoded | Rejected:
    fact = written(payload, names.meaning)
    learned = [Learned(device, "metrics", fact)]
    if device != node:
        children = texts_in(known.fact(node, "children"))
        if device not in children and len(children) < _MAX_CHILDREN:
            learned.append(Learned(node, "children", facts.written([*children, device])))
    found = _said(message, payload, device, (birth_of(fact),))
    alive = online(device, state=True)
    if isinstance(found, Rejected):
        return Decoded(FAMILY, (alive,), rejected=(found,), learned=tuple(learned))
    return Decoded(
        FAMILY,
        (alive, *found.readings),
        rejected=found.rejected,
        left=found.left,
        learned=tuple(learned),
        sent_at=found.sent_at,
    )


def _said(message: Message, payload: Payload, device: str, births: tuple[Birth, ...]) -> Decoded | Rejected:
    said = Said()
    received = message.received_at
    sent = own_time(payload.at, received)
    unborn = False
    for metric in payload.metrics:
        name, datatype, unit = _known_as(metric, births)
        if not name:
            unborn = True
            continue
        if name.startswith(_OWN):
            continue
        at = own_time(metric.at, received)
        origin = Origin(
            device,
            received,
            sent if at is None else at,
            TimeSource.GATEWAY if at is None else TimeSource.DEVICE,
        )
        _speak(metric, name, datatype, unit, origin, said)
    if unborn or payload.cut:
        why = "an alias without its birth certificate" if unborn else "more metrics than are read"
        rejected = Rejected(Reason.UNDECODED, why, device)
        if not said.readings:
            return rejected
        said.rejected.append(rejected)
    return said.decoded(FAMILY, device, sent_at=sent)


def _known_as(metric: Metric, births: tuple[Birth, ...]) -> tuple[str, int, str]:
    """A metric's name, datatype and unit: its own, else as it was born."""
    for birth in births:
        if not metric.name:
            born = None if metric.alias is None else birth.by_alias.get(metric.alias)
            if born is not None:
                return born[0], metric.datatype or born[1], metric.unit or born[2]
        elif metric.name in birth.by_name:
            datatype, unit = birth.by_name[metric.name]
            return metric.name, metric.datatype or datatype, metric.unit or unit
    return metric.name, metric.datatype, metric.unit


def _speak(metric: Metric, name: str, datatype: int, unit: str, origin: Origin, said: Said) -> None:
    if metric.null:
        return
    if metric.parts:
        for part in metric.parts:
            _speak(part, f"{name}/{part.name}", part.datatype, part.unit, origin, said)
        return
    value = typed(metric, datatype)
    if metric.opaque:
        said.left.append(name)
    elif value is not None and metric.good:
        say(name, value, origin, said, unit)
    elif value is not None:
        # What the node itself does not trust is no value; a call for help is taken all the same.
        doubtful = Said()
        say(name, value, origin, doubtful, unit)
        said.readings += [one for one in doubtful.readings if one.metric in LIFE_SAFETY and one.value is True]
        said.left.append(name)
