"""What one journalled message says, once and for all who ask.

Rule: pure; the same message gives the same answer. The pipeline interprets and so does, when it has
fallen behind, the store: both must mean the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

from devices.decode import decode
from devices.identity import anonymous, identities
from devices.message import Message
from devices.metrics import LIFE_SAFETY
from devices.normalise import normalise
from devices.observation import Observation
from devices.reading import Reason, Rejected
from devices.registry import Registry


class Interpreted(NamedTuple):
    """One message's observations with the identity each came under, and what was turned down.

    An identity of 0 means that the sender gave neither key nor time; then `anonymous` identifies the
    bytes, and is 0 when even those must not be taken for a repeat (life safety).
    """

    observations: Sequence[Observation]
    identities: Sequence[int]
    rejected: Sequence[Rejected]
    anonymous: int = 0


_NOTHING: tuple[()] = ()


def interpret(message: Message, registry: Registry, site: str) -> Interpreted:
    """The observations of a message for a registry; `site` is where the service stands.

    Total: decoders do not raise; should one do so all the same, that message goes to quarantine.
    """
    try:
        return _interpret(message, registry, site)
    except Exception as error:  # noqa: BLE001  one poison message must not stop all that come after it
        return Interpreted(_NOTHING, _NOTHING, (Rejected(Reason.BUG, type(error).__name__),))


def _interpret(message: Message, registry: Registry, site: str) -> Interpreted:
    decoded = decode(message, registry)
    if isinstance(decoded, Rejected):
        return Interpreted(_NOTHING, _NOTHING, (decoded,))
    if not decoded.readings:
        return Interpreted(_NOTHING, _NOTHING, decoded.rejected)
    normalised = normalise(decoded, message, registry, site)
    by_reading = identities(decoded, message)
    observations = normalised.observations
    found = [by_reading[index] for index in normalised.kept]
    if 0 in found and not any(o.metric in LIFE_SAFETY for o in observations):
        return Interpreted(observations, found, normalised.rejected, anonymous(message))
    return Interpreted(observations, found, normalised.rejected)
