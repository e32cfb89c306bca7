"""What a kind of rule is: pure functions over a small frozen memory.

Rule: a kind has no state of its own. Everything it knows comes in as the rule, the subject, the memory and
one input; everything it has to say goes out as the next memory and decisions. A memory that did not
change is returned itself, so that nothing is written for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, NoReturn, Protocol, TypeVar

from devices.observation import Observation, Quality
from devices.registry import Device, Resident
from rules.decision import Change, Decision, Evidence, Severity
from rules.settings import AskingSettings, Settings
from rules.situation import STAFF_HOLDS_MS, UNREPORTED, Situation

DEFAULT_ZONE = "Asia/Shanghai"
_A_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom or what a rule watches: a resident, or a place or device that is nobody's alone.

    `zone` is an IANA name. `lines` are the devices with which she can call for help, her own first, then
    those of the places where she dwells; `stand_ins` those that notice by themselves that she needs it.
    `gateways`: through which ones any device is heard, by (site, id), from the nearest on.
    """

    id: str
    resident: Resident | None = None
    place: str = ""
    zone: str = DEFAULT_ZONE
    lines: tuple[Device, ...] = ()
    stand_ins: tuple[Device, ...] = ()
    gateways: Mapping[tuple[str, str], tuple[Device, ...]] = field(default_factory=dict, repr=False)
    situation: Situation = UNREPORTED

    @property
    def absence(self) -> str:
        """Why the resident is not here: leave, hospital, holiday; "" when she is."""
        if self.situation.since:
            return self.situation.absence
        return "leave" if self.resident is not None and self.resident.away else ""

    @property
    def away(self) -> bool:
        """Whether the resident is not here."""
        return bool(self.absence)

    def attended(self, at: int, within_ms: int = 0) -> bool:
        """Whether staff are with her at a time (ms UTC), or were at most `within_ms` before it (R-58)."""
        situation = self.situation
        holds = STAFF_HOLDS_MS if situation.staff and not situation.left_behind(at) else within_ms
        return bool(situation.staff_at) and at - situation.staff_at <= holds


S = TypeVar("S", bound=Settings)
S_co = TypeVar("S_co", bound=Settings, covariant=True)
M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Rule(Generic[S_co]):
    """A rule as it applies to one subject, overrides resolved. Subjects with equal settings share one.

    `basis` names the settings: two rules with the same basis decide the same.
    """

    id: str
    kind: str
    settings: S_co
    basis: str = ""


class Memory(Protocol):
    """What a kind remembers of one subject: a NamedTuple of JSON values."""

    @property
    def wake(self) -> int | None:
        """When the kind's `wake` is to be called, ms UTC; None: not before the next observation."""
        ...


Step = tuple[M, tuple[Decision, ...]]
"""The next memory, and what was decided."""


def _never_started(_rule: object, _subject: Subject, _memory: object, _now: int) -> NoReturn:
    raise AssertionError("a kind without memory is neither started nor woken")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[S, M]):
    """A kind of rule.

    `observe` says what follows from an observation, `metrics` which ones it wants of its subject.
    `takes_late` is whether observations that are history (R-90) matter to it. A `life_safety` kind takes bad
    quality too.

    A kind that remembers has a type of `memory`, and then also: `watches`, whether a subject is its business;
    `start`, which makes the memory at `now` (from the old memory if the rules or the registry changed, else
    from None); `wake`, which is given the time the memory asked for and must ask for a later one or none;
    `basis`, which names all that a memory depends on besides its input: a memory with another basis goes
    through `start` again; `hears`, the subject's devices of which it wants every message, and of all that
    these are heard through: their gateways, and `online` of the broker; `deaf`, which takes a time (from, to)
    in which we could not hear out of the silence; `moved`, which is told when her absence began or ended (the
    subject is already the new one).

    Whom it watches: every resident from the start; one that is `lazy` whoever wanted observations are about,
    from the first one on (`start` is given its time), places and unassigned devices too. With `shares` a
    resident's watch also hears what is nobody's alone (no resident) at a place where she lives.

    When: at once; one that is `ordered` in the order in which things happened. Its observations wait for
    earlier ones (R-92: `rules.reorder`), and its timers as long, so that time within the kind is
    `observation.at`. What comes later than that is given at once, with an `at` in the past.

    `rewinds`: its `start` takes every time in a memory that is later than `now` for now (our own clock had
    been ahead). The memory of other kinds is then forgotten.
    """

    name: str
    settings: type[S]
    observe: Callable[[Rule[S], Subject, M, Observation], Step[M]]
    metrics: Callable[[S], frozenset[str]]
    takes_late: bool = False
    life_safety: bool = False
    memory: type[M] | None = None
    watches: Callable[[Subject], bool] = lambda _: True
    start: Callable[[Rule[S], Subject, M | None, int], Step[M]] = _never_started
    wake: Callable[[Rule[S], Subject, M, int], Step[M]] = _never_started
    basis: Callable[[Rule[S], Subject], str] = lambda _rule, _subject: ""
    hears: Callable[[Subject], tuple[Device, ...]] = lambda _: ()
    deaf: Callable[[Rule[S], Subject, M, tuple[int, int]], Step[M]] | None = None
    moved: Callable[[Rule[S], Subject, M, int], Step[M]] | None = None
    ordered: bool = False
    lazy: bool = False
    shares: bool = False
    rewinds: bool = False

    def takes(self, observation: Observation) -> bool:
        """Whether an observation may be given to it that is history (R-90) or not current (R-94)."""
        quality = observation.quality
        if (observation.late and not self.takes_late) or quality is Quality.STALE:
            return False
        return quality is not Quality.BAD or self.life_safety


def teller(observation: Observation) -> str:
    """Which device said it: "<site>/<device>"."""
    return f"{observation.site}/{observation.device}"


def _ask_ms(settings: Settings) -> int:
    return settings.ask if isinstance(settings, AskingSettings) else 0


def seen(observation: Observation, same_within_ms: int = 0) -> Evidence:
    """The evidence that an observation is. Its key is the same whenever the same happening is reported."""
    return Evidence(
        key=evidence_key(observation),
        metric=observation.metric,
        device=observation.device,
        at=observation.at,
        received_at=observation.received_at,
        detail=observation.detail,
        same_within_ms=same_within_ms,
    )


def ended(observation: Observation) -> Evidence:
    """The evidence that a miss or a silence is over: dated when we heard, for that is when it ended.

    The check itself may have been made before the deadline whose alert it clears, or by a clock that is slow.
    """
    return replace(seen(observation), at=observation.received_at)


def evidence_key(observation: Observation) -> str:
    """What identifies a happening: the device's own key for it and its time.

    A clock at fault may stand still, years ago: then the time of its arrival does. A value may be suspect
    (section 11) though the clock is right, and then comes in any order and again under the same key.
    """
    site, device, at, received_at = (
        observation.site,
        observation.device,
        observation.at,
        observation.received_at,
    )
    if observation.quality is not Quality.GOOD and received_at - at > _A_DAY_MS:
        at = received_at
    return f"{site}/{device}|{observation.metric}|{observation.key}@{at}"


def decide(
    rule: Rule[Settings],
    subject: Subject,
    change: Change,
    evidence: Evidence,
    *,
    at: int,
    cause: str = "",
    severity: Severity | None = None,
    facts: dict[str, str | int] | None = None,
) -> Decision:
    """A decision of this rule about this subject; the cause is the subject and the severity the rule's."""
    return Decision(
        change=change,
        rule=rule.id,
        kind=rule.kind,
        subject=subject.id,
        cause=cause or subject.id,
        severity=severity or rule.settings.severity,
        at=at,
        evidence=evidence,
        facts=facts or {},
        resident=subject.resident is not None,
        ask_ms=_ask_ms(rule.settings) if change is Change.RAISE and subject.resident else 0,
    )
