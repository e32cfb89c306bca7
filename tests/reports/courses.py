"""Random courses of alerts in a small home: decisions, acts, receipts, time; the real book and ladders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time

from hypothesis import strategies as st

from alerts.acts import Shelving, acknowledge, arrive, resolve, shelve
from alerts.duty import PRIMARY, SECOND, Duty
from alerts.escalate import Policy, advance
from alerts.event import EpisodeEvent, Event, MessageDelivered, MessageFailed, Outcome, QuietEvent, State
from alerts.ladder import Ladder, Step
from alerts.reports.case import Case, case_of
from alerts.rota import Shift
from rules import configuration
from rules.decision import DRILL, Change, Severity
from tests.alerts.course import Course
from tests.alerts.decisions import HOME, decision

START = 1_767_567_600_000
"""2026-01-05 07:00 in Shanghai."""

MINUTE = 60_000
LADDERS = (
    Ladder(
        "high",
        (Step(0, (PRIMARY,), ("push",)), Step(30_000, (SECOND,), ("push",)), Step(60_000, (), ("board",))),
        60_000,
        frozenset({Severity.HIGH}),
    ),
)


def _shift(name: str, role: str, begins: int, ends: int, *crews: tuple[str, ...]) -> Shift:
    return Shift(
        name, role, ("s1",), "Asia/Shanghai", time(begins), time(ends), date(2026, 1, 1), turns=crews
    )


DUTY = Duty(
    shifts=(
        _shift("early", PRIMARY, 7, 15, ("an",), ()),
        _shift("late", PRIMARY, 15, 23, ("bo",)),
        _shift("second", SECOND, 7, 19, ("an",), ("chen",)),
    )
)
_RULES = ("sos", "bed_exit", "climate", DRILL)
_KINDS = {one.kind.name: one.kind for one in configuration.default()}
_WHO = ("wang", "li", "kitchen")


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that happens `after` ms: what, and two numbers that choose about whom and how."""

    after: int
    what: str
    one: int
    other: int


deeds = st.builds(
    Deed,
    st.sampled_from(
        (0, 1, 5_000, 20_000, 59_999, 60_000, 61_000, 180_000, 400_000, 40 * MINUTE, 600 * MINUTE)
    ),
    st.sampled_from(
        "raise raise raise worsen clear acknowledge arrive resolve delivered failed shelve wait wait".split()
    ),
    st.integers(0, 7),
    st.integers(0, 7),
)
courses = st.lists(deeds, min_size=1, max_size=30)


def play(course: Sequence[Deed]) -> tuple[list[EpisodeEvent], int]:
    """What happened about alerts, in order, and when it ended."""
    lived = Course(now=START)
    policy = Policy(HOME, LADDERS, DUTY)
    for number, deed in enumerate(course):
        lived.passed(deed.after)
        _do(lived, deed, number)
        for episode in lived.book.unresolved():
            while (found := lived.book.get(episode.id)) and (event := advance(found, policy, lived.now)):
                lived.take([event])
    return [event for event in lived.told if not isinstance(event, QuietEvent)], lived.now


def _do(lived: Course, deed: Deed, number: int) -> None:
    rule, who, now = _RULES[deed.one % len(_RULES)], _WHO[deed.other % len(_WHO)], lived.now
    if deed.what in {"raise", "worsen", "clear"}:
        calm = Severity.MEDIUM if deed.one < len(_RULES) else Severity.LOW
        severity = Severity.HIGH if rule in {"sos", DRILL} or deed.what == "worsen" else calm
        change = Change.CLEAR if deed.what == "clear" else Change.RAISE
        lived.decided(
            decision(f"k{number}", change=change, rule=rule, subject=who, severity=severity, at=now)
        )
        return
    found = lived.book.unresolved()
    if not found:
        return
    episode, person = found[deed.one % len(found)], ("an", "bo", "chen")[deed.other % 3]
    events: list[Event] = []
    match deed.what:
        case "acknowledge":
            lived.acted(acknowledge(lived.book, episode.id, person, now))
        case "arrive":
            lived.acted(arrive(lived.book, episode.id, person, now))
        case "resolve":
            outcome = tuple(Outcome)[deed.other % len(Outcome)]
            lived.acted(resolve(lived.book, episode.id, person, outcome, "", now))
        case "shelve" if episode.kind in _KINDS and not episode.about_life:
            asked = Shelving(
                rule=episode.rule, subject=episode.cause, for_ms=MINUTE * 30, by=person, reason="known"
            )
            lived.acted(shelve(lived.book, asked, _KINDS[episode.kind], HOME, now))
        case "delivered" | "failed" if episode.state is State.OPEN and episode.call and episode.call.waiting:
            to = episode.call.waiting[0]
            made = MessageDelivered if deed.what == "delivered" else MessageFailed
            events = [made(episode.id, episode.number + 1, now, f"{episode.id}-1", to.to, to.channel)]
    lived.take(events)


def cases_of(events: Sequence[EpisodeEvent], known_at: int | None = None) -> list[Case]:
    """The cases of these events, as known at a time."""
    each: dict[str, list[EpisodeEvent]] = {}
    for event in events:
        if known_at is None or event.at < known_at:
            each.setdefault(event.episode, []).append(event)
    return [case_of(one) for one in each.values()]
