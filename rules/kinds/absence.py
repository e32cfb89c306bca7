"""Reported away, but her bed is lain in. Rule: it is asked about, and nothing else changes by it.

While she is away rounds, bed exits, silences and the like rest (R-58). An absence that nobody ended, or that
was reported of the wrong person, would leave her alone in her own bed. So when her bed has been occupied
without a break for `after` (30 min: longer than somebody sits on it or makes it) while she is reported away,
this raises once, until she is reported present or away anew. What she wears says nothing: it goes with her.
"""

from typing import Annotated, NamedTuple

from pydantic import Field

from devices.observation import Observation
from rules.decision import Change, Decision, Evidence
from rules.kind import Kind, Rule, Step, Subject, decide, teller
from rules.reorder import happened
from rules.settings import Duration, Settings

_BED = frozenset(("bed_occupied", "bed_enter", "bed_exit"))


class AbsenceSettings(Settings):
    """`after`: how long her bed must have been occupied."""

    after: Annotated[Duration, Field(ge=300_000, le=12 * 3_600_000)] = 1_800_000


class Memory(NamedTuple):
    """The sensors that say she is in bed, one or the other all the time `since`; ms UTC.

    `newest` is when one of them last changed its word; `raised`: it was asked.
    """

    wake: int | None = None
    inside: tuple[str, ...] = ()
    since: int = 0
    newest: int = 0
    raised: bool = False


def start(rule: Rule[AbsenceSettings], subject: Subject, memory: Memory | None, now: int) -> Step[Memory]:
    """Nothing is known at first; under new settings, what is known is looked at anew."""
    return (Memory() if memory is None else _waiting(rule, subject, memory, now)), ()


def observe(
    rule: Rule[AbsenceSettings], subject: Subject, memory: Memory, observation: Observation
) -> Step[Memory]:
    """A bed sensor of hers spoke, or is offline: then its word counts no more."""
    if observation.metric == "online" and observation.value is not False:
        return memory, ()
    inside = observation.value is True and observation.metric in {"bed_occupied", "bed_enter"}
    name, at = teller(observation), happened(observation)
    if inside is (name in memory.inside) or at < memory.newest:
        return memory, ()  # nearly always
    names = tuple(one for one in memory.inside if one != name)
    kept = memory._replace(inside=tuple(sorted((*names, name))) if inside else names, newest=at)
    if not memory.inside:
        kept = kept._replace(since=at)
    return _waiting(rule, subject, kept, at), ()


def wake(rule: Rule[AbsenceSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """Her bed has been occupied for long enough."""
    return memory._replace(wake=None, raised=True), (_said(rule, subject, Change.RAISE, now),)


def moved(rule: Rule[AbsenceSettings], subject: Subject, memory: Memory, now: int) -> Step[Memory]:
    """She is reported present, which answers it; or away anew, and it is asked anew."""
    kept = _waiting(rule, subject, memory._replace(raised=False, since=max(memory.since, now)), now)
    return kept, (_said(rule, subject, Change.CLEAR, now),) if memory.raised else ()


def _waiting(rule: Rule[AbsenceSettings], subject: Subject, memory: Memory, now: int) -> Memory:
    doubted = subject.away and memory.inside and not memory.raised
    return memory._replace(wake=max(memory.since + rule.settings.after, now) if doubted else None)


def _said(rule: Rule[AbsenceSettings], subject: Subject, change: Change, at: int) -> Decision:
    evidence = Evidence(f"{rule.id}|{subject.id}|{change.value}@{at}", "absence", "", at, at)
    return decide(rule, subject, change, evidence, at=at, facts={"why": subject.absence})


KIND = Kind(
    name="absence",
    settings=AbsenceSettings,
    observe=observe,
    metrics=lambda _: _BED | {"online"},
    memory=Memory,
    watches=lambda subject: subject.resident is not None,
    start=start,
    wake=wake,
    moved=moved,
    ordered=True,
    lazy=True,
)
