"""What a decoder says: readings in the device's own time and unit, or why there are none.

Rule: values only. A decoder returns `Decoded` or `Rejected`; it never raises for what a device sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Value = float | int | bool | str

MAX_DETAIL = 60
"""The longest `detail` that is of use, in characters: the name of a press, of a part, of a place."""


class TimeSource(StrEnum):
    """Who gave the time of a reading (VOCABULARY.md, R-86)."""

    DEVICE = "device"
    GATEWAY = "gateway"
    ARRIVAL = "arrival"


class Reason(StrEnum):
    """Why a message, or one reading of it, could not become an observation."""

    UNKNOWN_TOPIC = "unknown_topic"  # no family claims the topic
    TOO_LARGE = "too_large"  # longer than MAX_PAYLOAD_BYTES
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"  # JSON nested deeper than any device needs
    WRONG_SHAPE = "wrong_shape"  # JSON, but not this family's envelope
    WRONG_TYPE = "wrong_type"  # a field whose value has the wrong type
    UNKNOWN_METRIC = "unknown_metric"  # a native field that is not in the vocabulary
    UNKNOWN_EVENT = "unknown_event"
    NOT_A_NUMBER = "not_a_number"  # NaN, Infinity or a sentinel for "no value"
    OUT_OF_RANGE = "out_of_range"  # beyond the hard limits of REQUIREMENTS section 11
    UNDECODED = "undecoded"  # raw bytes without a decoder for them
    NOT_UNDERSTOOD = "not_understood"  # read, but nothing it says is known of this device
    EMPTY = "empty"
    UNREGISTERED = "unregistered"  # only a registered device may speak of others than its own
    UNKNOWN_SUBJECT = "unknown_subject"  # told of a resident or place that nobody registered
    UNSTORABLE = "unstorable"  # the database refused it
    BUG = "bug"  # our own mistake: the message is kept, and costs no other


class Reading(NamedTuple):
    """One claim of one device. A NamedTuple because decoders make tens of thousands a second.

    `metric` is a canonical name (devices.metrics); `value` is in `unit`, or in the metric's canonical
    unit when `unit` is empty. `at` is ms UTC as the device or gateway gave it, None when nobody did.
    `key` identifies the physical event or message within the device when the family has such a key
    ("" otherwise); it does so for `good_for_ms` (0: for ever), since devices count anew after a restart and
    radios repeat themselves for a second. `detail` is short free text (which press, which posture).
    `about` is the resident or place of which a shared device speaks (a scanner), "" for whom it is bound to.
    """

    device: str
    metric: str
    value: Value
    unit: str = ""
    at: int | None = None
    at_source: TimeSource = TimeSource.DEVICE
    key: str = ""
    detail: str = ""
    confidence: float | None = None
    by: str = ""
    good_for_ms: int = 0
    about: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message or a reading that could not be used, and why. `detail` names fields, never their values."""

    reason: Reason
    detail: str = ""
    device: str = ""
    metric: str = ""


@dataclass(frozen=True, slots=True)
class Motion:
    """An accelerometer window: `fs` in Hz, samples in g from `at` (ms UTC) on (DESIGN section 4).

    `samples` are 32-bit little-endian floats, three for each sample: a value like the rest of it.
    `was_ms2`: they came in m/s², by their size.
    """

    device: str
    at: int | None
    fs: float
    position: str
    samples: bytes
    was_ms2: bool = False

    @property
    def xyz(self) -> NDArray[np.float32]:
        """The samples, shape (n, 3)."""
        return np.frombuffer(self.samples, "<f4").reshape(-1, 3)

    @property
    def length_ms(self) -> int:
        """How long it is."""
        return round(len(self.samples) // 12 * 1000 / self.fs)


@dataclass(frozen=True, slots=True)
class Learned:
    """A fact that a message taught and a later message needs; the caller keeps it.

    `about` is a device, a topic, or whatever else the family will ask for again, `field` which fact
    (devices.families.FACTS), `value` any text ("" takes the fact back). A later fact replaces an earlier one.
    """

    about: str
    field: str
    value: str


class Decoded(NamedTuple):
    """What a message meant. All empty is a message that carries no reading, which is no error.

    `site` is the native protocol's site ("" when the family has none). `left` names what was not
    understood. `rejected` holds the readings of this message that could not be used. `sent_at` is what the
    sender's own clock showed when it sent the message, ms UTC, where the message says so beside the times of
    its readings (R-87: a clock that is ahead is told by it, and put right). `device` is whose message it is
    where that can be told although nothing of it was understood.
    """

    family: str
    readings: tuple[Reading, ...] = ()
    site: str = ""
    rejected: tuple[Rejected, ...] = ()
    left: tuple[str, ...] = ()
    learned: tuple[Learned, ...] = ()
    motion: tuple[Motion, ...] = ()
    sent_at: int | None = None
    device: str = ""


class Known(Protocol):
    """What is known beforehand: facts learned from earlier messages, the registry, an argument."""

    def models(self, device: str) -> tuple[str, ...]:
        """What is known of its model in anybody's words, the most trusted first: learned, then registered."""
        ...

    def fact(self, about: str, field: str) -> str:
        """A fact that an earlier message taught (`Learned`), "" when there is none."""
        ...

    def clock_zone(self, device: str) -> str:
        """The IANA time zone where the device stands, "" if nobody said: then a zoneless time is none."""
        ...


@dataclass(frozen=True, slots=True)
class Models:
    """The simplest `Known`: one model for all or a table by device, facts by (about, field), one zone."""

    by_device: Mapping[str, str] = field(default_factory=dict)
    default: str = ""
    facts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    zone: str = ""

    def models(self, device: str) -> tuple[str, ...]:
        """The learned model, then that of the table, else the default."""
        found = (self.fact(device, "model"), self.by_device.get(device, self.default))
        return tuple(model for model in found if model)

    def fact(self, about: str, field: str) -> str:
        """The fact of the table."""
        return self.facts.get((about, field), "")

    def clock_zone(self, device: str) -> str:  # noqa: ARG002  (the Protocol's)
        """The one zone."""
        return self.zone
