"""What one journalled message says, once and for all who ask.

Rule: pure; the same message, with the same known beforehand, gives the same answer. The pipeline interprets
and so does, when it has fallen behind, the store: both must mean the same.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from devices.catalogue import NEED_A_MODEL, known_model
from devices.decode import decode, family_of
from devices.families.facts import texts_in
from devices.identity import anonymous, identities
from devices.message import Message
from devices.metrics import LIFE_SAFETY
from devices.normalise import normalise
from devices.observation import Observation
from devices.ourselves import DESK, DESK_TOPIC, SYNTHETIC, SYNTHETIC_TOPIC, broker_observation, seen
from devices.ourselves import TOPIC as OURS
from devices.reading import Decoded, Known, Learned, Motion, Reading, Reason, Rejected
from devices.registry import Device, Registry
from devices.urgency import about_life, calls_for_help, is_motion_topic, urgent
from devices.usability import usability
from ingest.facts import ENTITY


class Interpreted(NamedTuple):
    """One message's observations with the identity each came under, and what was turned down.

    An identity of 0 means that the sender gave neither key nor time; then `anonymous` identifies the
    bytes, and is 0 when even those must not be taken for a repeat (life safety). `good_for` is how long (ms)
    each identity identifies, 0 for ever. `learned` is for later messages. `unreadable` are registered devices
    for calling whose call this may have been, for all we can read, each with why. `motion` are accelerometer
    windows, each with its site.
    """

    observations: Sequence[Observation]
    identities: Sequence[int]
    rejected: Sequence[Rejected]
    anonymous: int = 0
    good_for: Sequence[int] = ()
    family: str = ""
    learned: Sequence[Learned] = ()
    left: Sequence[str] = ()
    unreadable: Sequence[tuple[Device, Rejected]] = ()
    motion: Sequence[tuple[str, Motion]] = ()


_NOTHING: tuple[()] = ()
_NOBODY = Registry()
_OURS = {DESK_TOPIC: (DESK, "telemetry"), SYNTHETIC_TOPIC: (SYNTHETIC, "event")}
_MAX_DETAIL = 300
_BY_GATEWAY = "gateway"


def interpret(message: Message, registry: Registry, site: str, known: Known | None = None) -> Interpreted:
    """The observations of a message for a registry; `site` is where the service stands.

    `known` is what earlier messages taught, on top of the registry. Total: decoders do not raise; should one
    do so all the same, that message goes to quarantine.
    """
    if message.topic == OURS:
        return Interpreted((broker_observation(message),), (0,), _NOTHING, good_for=(0,))
    if message.topic == SYNTHETIC_TOPIC:
        registry = _NOBODY  # a test call is nobody's, whatever is registered
    try:
        return _interpret(message, registry, site, known or registry)
    except Exception as error:  # noqa: BLE001  one poison message must not stop all that come after it
        return Interpreted(_NOTHING, _NOTHING, (Rejected(Reason.BUG, type(error).__name__),))


def stays(message: Message, said: Interpreted) -> bool:
    """Whether a message means this whatever is learned meanwhile: good windows of the native protocol do."""
    return is_motion_topic(message.topic) and not said.rejected


def goes_ahead(message: Message, known: Known) -> bool:
    """Whether it may be a call: by its topic or bytes, or as what its topic was announced."""
    return urgent(message) or about_life(known.fact(message.topic, ENTITY))


def _interpret(message: Message, registry: Registry, site: str, known: Known) -> Interpreted:
    if felt := seen(message):
        decoded = _ours(felt[0], known, *felt[1:])
    elif said_by_us := _OURS.get(message.topic):
        decoded = _ours(message, known, *said_by_us)
    else:
        decoded = decode(message, known)
    if isinstance(decoded, Rejected):
        family = family_of(message, known)
        said = Interpreted(
            _NOTHING,
            _NOTHING,
            (decoded,),
            family=family.name if family is not None else "",
            unreadable=_unreadable(decoded, message, registry, site),
        )
        return _with_usability(said, message, known, registry, _site_of(message, site))
    decoded = _with_children(decoded, known)
    if decoded.left and _worth_keeping(decoded, known):
        decoded = _with_left(decoded)
    if not decoded.readings:
        said = _with_rest(decoded, Interpreted(_NOTHING, _NOTHING, decoded.rejected), message, registry, site)
        return _with_usability(said, message, known, registry, decoded.site or site)
    normalised = normalise(decoded, message, registry, site)
    by_reading = identities(decoded, message)
    observations = normalised.observations
    found = [by_reading[index] for index in normalised.kept]
    good_for = [decoded.readings[index].good_for_ms for index in normalised.kept]
    unnamed = 0 in found and not any(o.metric in LIFE_SAFETY for o in observations)
    said = Interpreted(
        observations, found, normalised.rejected, anonymous(message) if unnamed else 0, good_for
    )
    said = _with_rest(decoded, said, message, registry, site)
    return _with_usability(said, message, known, registry, decoded.site or site)


def _with_usability(
    said: Interpreted, message: Message, known: Known, registry: Registry, site: str
) -> Interpreted:
    """With what the message's own readings say of the device: whether they can be used (R-94).

    Not of what goes ahead of messages before it: it would depend on what those have yet to say.
    """
    if goes_ahead(message, known):
        return said
    found = usability(said.observations, said.rejected, message, known, registry, site)
    if not found:
        return said
    # One identity for all of a message: told again, its readings are the same, and so is this.
    identity = next(filter(None, said.identities), 0)
    return said._replace(
        observations=[*said.observations, *(observation for observation, _ in found)],
        identities=[*said.identities, *(identity for _ in found)],
        good_for=[*said.good_for, *(0 for _ in found)],
        learned=[*said.learned, *(learned for _, learned in found)],
    )


def _ours(message: Message, known: Known, who: tuple[str, str], channel: str) -> Decoded | Rejected:
    """What we say ourselves, in the native protocol: of a site and device that nobody else can have."""
    decoded = decode(replace(message, topic=f"shouwang/v1/ours/ours/{channel}"), known)
    if isinstance(decoded, Rejected):
        return decoded
    site, device = who
    return decoded._replace(
        site=site, readings=tuple(one._replace(device=device) for one in decoded.readings)
    )


def _with_children(decoded: Decoded, known: Known) -> Decoded:
    """What is offline because the node or gateway between it and the broker is; of that alone it is told."""
    lost = [one for one in decoded.readings if one.metric == "online" and one.value is False]
    if not lost:
        return decoded
    told = {one.device for one in decoded.readings if one.metric == "online"}
    more: list[Reading] = []
    for one in lost:
        for child in texts_in(known.fact(one.device, "children")):
            if child not in told:
                told.add(child)
                more.append(one._replace(device=child, detail=_BY_GATEWAY))
    return decoded._replace(readings=(*decoded.readings, *more)) if more else decoded


def _worth_keeping(decoded: Decoded, known: Known) -> bool:
    """Whether what was left of a message may be understood one day: then the whole message is kept.

    Where nothing was understood; where the model is not known and a model would tell; and what may be a call
    in any case. What a known model says besides is of no use to us, and would be kept twice.
    """
    if not decoded.readings:
        return not decoded.learned
    models = known.models(decoded.readings[0].device)
    if any(map(known_model, models)):
        return any(map(calls_for_help, decoded.left))
    return any(map(_may_matter, decoded.left))


def _may_matter(name: str) -> bool:
    return name in NEED_A_MODEL or about_life(name)


def _with_left(decoded: Decoded) -> Decoded:
    """What was left, as a reject: then the message goes to quarantine."""
    device = decoded.readings[0].device if decoded.readings else decoded.device
    left = Rejected(Reason.NOT_UNDERSTOOD, f"fields: {', '.join(decoded.left)}"[:_MAX_DETAIL], device)
    return decoded._replace(rejected=(*decoded.rejected, left))


def _with_rest(
    decoded: Decoded, said: Interpreted, message: Message, registry: Registry, site: str
) -> Interpreted:
    unreadable: list[tuple[Device, Rejected]] = []
    for rejected in said.rejected:
        if rejected.reason is Reason.NOT_UNDERSTOOD and not any(map(_may_matter, decoded.left)):
            continue  # read, and by its names no call: nobody is called because of a setting
        if rejected.metric in LIFE_SAFETY or not decoded.readings:
            unreadable += _unreadable(rejected, message, registry, decoded.site or site)
    return said._replace(
        family=decoded.family,
        learned=decoded.learned,
        left=decoded.left,
        motion=tuple((decoded.site or site, window) for window in decoded.motion),
        unreadable=unreadable if not any(o.metric in LIFE_SAFETY for o in said.observations) else (),
    )


def _unreadable(
    rejected: Rejected, message: Message, registry: Registry, site: str
) -> Sequence[tuple[Device, Rejected]]:
    """The registered device for calling whose message this was. What the broker retained is no call."""
    if is_motion_topic(message.topic):
        return ()
    where = _site_of(message, site)
    device = registry.device(where, rejected.device) if rejected.device else None
    return ((device, rejected),) if device is not None and device.calls and not message.retained else ()


def _site_of(message: Message, site: str) -> str:
    """The site of a message that could not be read: its topic's in the native protocol."""
    levels = message.topic.split("/", 3)
    return levels[2] if message.topic.startswith("shouwang/v1/") and len(levels) > 3 else site
