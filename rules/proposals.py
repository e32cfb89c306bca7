"""What a learned routine proposes for a resident's rules. Rule: a person decides; nothing applies itself.

Only how long a silence or a time out of bed may last is proposed (`within` of the kinds in `BOUNDS`), never
anything about life safety, and never beyond the bounds, whatever she does. A limit of 0 was set by somebody
who knows why (must not get up alone, R-75): it stands.

How: of every day (or night) the longest time counts, for that is what raises. The strangest days are left
out, one in every 28 begun, so that one strange day teaches nothing. What is left, and a quarter more, rounded
up, is proposed. The evidence says the same in words and numbers, and how often each limit would have raised
in the days that taught. Weekends are not told apart: a rule cannot, and neither may raise for nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

from devices.registry import Registry
from rules.kind import Rule, Subject
from rules.routine import DAY_MIN, MINUTE_MS, Routine, Window, date_of, gaps, lesson, nights
from rules.ruleset import Application, RuleSet
from rules.settings import Settings

LEAST_DAYS = 14
"""With fewer days that teach nothing is proposed."""

LEAST_OUTINGS = 5
"""With fewer nights in which she was out of bed and came back nothing is proposed for them."""

NIGHT = Window(21 * 60, 6 * 60)
"""R-75: when times out of bed count where no rule says otherwise."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_MARGIN = 1.25
_STRANGE = 28  # one day in so many is left out


class Bounds(NamedTuple):
    """Between which limits a kind's `within` may be proposed, in steps; all in minutes."""

    low: int
    high: int
    step: int
    shown: tuple[int, ...]  # limits of which people want to know how often they would have raised


BOUNDS: Mapping[str, Bounds] = {
    "inactivity": Bounds(120, 720, 30, (120, 180, 240, 360, 480)),  # 2 to 12 h
    "bed_exit": Bounds(5, 30, 5, (5, 10, 15, 20, 30)),  # 15 min at high risk, 30 min others
}
"""The kinds that learn. None of them is about life safety."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for one rule and resident; minutes.

    `within` is None where nothing is, and `evidence` says why. `raised` says how often each limit would have
    raised in the days that taught.
    """

    rule: str
    kind: str
    resident: str
    now: int
    within: int | None
    days: int
    evidence: tuple[str, ...]
    raised: Mapping[int, int]

    @property
    def changes(self) -> bool:
        """Whether there is anything to copy into the rule file."""
        return self.within is not None and self.within != self.now


class Spell(NamedTuple):
    """Percentiles of times, by nearest rank, in minutes, and of how many days they are."""

    days: int
    median: int
    p95: int
    p99: int
    longest: int


class Hour(NamedTuple):
    """What is usual in an hour: of each day the longest silence, and time out of bed, that began in it."""

    hour: int
    silent: Spell | None
    out: Spell | None


def propose(routine: Routine, rules: RuleSet, registry: Registry) -> tuple[Proposal, ...]:
    """The proposals for a resident, in the order of the rules that apply to her; none for a stranger."""
    person = registry.residents.get(routine.resident)
    if person is None:
        return ()
    subject = Subject(person.id, person, person.place, registry.timezone(person.place))
    applied = (Application(definition, registry).to(subject) for definition in rules)
    return tuple(
        _proposal(rule, routine, told)
        for rule in applied
        if rule is not None and rule.kind in BOUNDS and (told := rule.settings.model_dump()).get("within")
    )


def snippet(proposals: Iterable[Proposal]) -> str:
    """What to copy into the rule file: each table belongs below the rule that the comment names."""
    by_rule: dict[str, list[Proposal]] = {}
    for proposal in proposals:
        if proposal.changes:
            by_rule.setdefault(proposal.rule, []).append(proposal)
    return "\n".join(line for rule, found in by_rule.items() for line in _tables(rule, found))


def hours(routine: Routine) -> tuple[Hour, ...]:
    """For each hour of the local day what is usual in it; what began in it counts, however long it went on.

    Times out of bed are those of R-75's night, from 21:00 to 06:00, from which she came back.
    """
    silent: dict[int, dict[int, int]] = {}
    out: dict[int, dict[int, int]] = {}
    for minute, silence in gaps(routine):
        _longest(silent, minute, silence)
    for night in nights(routine, NIGHT):
        for start, minutes in night.outings:
            _longest(out, night.day * DAY_MIN + NIGHT.start + start, minutes)
    return tuple(Hour(hour, _spell(silent.get(hour)), _spell(out.get(hour))) for hour in range(24))


def span(minutes: int) -> str:
    """Minutes in words: 2 h 10 min."""
    whole, rest = divmod(minutes, 60)
    hours_of_it = f"{whole} h" if whole else ""
    return f"{hours_of_it} {rest} min".strip() if rest or not whole else hours_of_it


def duration(minutes: int) -> str:
    """Minutes as a rule file has them: 3h, 150min."""
    return f"{minutes // 60}h" if minutes and not minutes % 60 else f"{minutes}min"


class _Learned(NamedTuple):
    """What the days say of one rule, in minutes: the longest time of each, and all that may raise."""

    longest: list[int]
    raising: list[int]
    words: list[str]


def _proposal(rule: Rule[Settings], routine: Routine, told: Mapping[str, Any]) -> Proposal:
    now, bounds = int(told["within"]) // MINUTE_MS, BOUNDS[rule.kind]
    window = Window.of(told.get("between"))
    learned = _silent(routine, window) if rule.kind == "inactivity" else _out_of_bed(routine, window)
    days, words = len(learned.longest), learned.words
    if why := _too_little(rule.kind, learned.longest):
        return Proposal(rule.id, rule.kind, routine.resident, now, None, days, (*words, why), {})
    usual = sorted(learned.longest)[-1 - ceil(days / _STRANGE)]
    wanted = ceil(usual * _MARGIN / bounds.step) * bounds.step
    within = min(max(wanted, bounds.low), bounds.high)
    limits = sorted({*bounds.shown, now, within})
    raised = {limit: sum(minutes >= limit for minutes in learned.raising) for limit in limits}
    words += [_reason(usual, wanted, within, days), _counts(raised, now)]
    return Proposal(rule.id, rule.kind, routine.resident, now, within, days, tuple(words), raised)


def _silent(routine: Routine, window: Window) -> _Learned:
    learned = lesson(routine, window)
    left_out = (
        (learned.away, "away"),
        (learned.lost, "with sensors lost"),
        (learned.empty, "without any sign of life (look at them)"),
    )
    words = [_seen([part.day for part in learned.parts], "day", left_out)]
    longest = [part.longest for part in learned.parts]
    if learned.parts:
        strangest = max(learned.parts, key=lambda part: part.longest)
        words.append(_usual(f"between {window} the longest silence of a day", longest, strangest.day))
    return _Learned(longest, [silence.minutes for part in learned.parts for silence in part.silences], words)


def _out_of_bed(routine: Routine, window: Window) -> _Learned:
    told = nights(routine, window)
    longest = [max((outing.minutes for outing in night.outings), default=0) for night in told]
    words = [_seen([night.day for night in told], "night", ())]
    raising = [outing.minutes for night in told for outing in night.outings]
    raising += [window.minutes - night.rose for night in told if night.rose is not None]
    if any(longest):
        strangest = max(zip(longest, told, strict=True), key=lambda one: one[0])[1]
        words.append(_usual(f"between {window} the longest time out of bed", longest, strangest.day))
    if rose := sum(night.rose is not None for night in told):
        words.append(f"{_count(rose, 'time')} she was up and not back by the end of it")
    return _Learned(longest, raising, words)


def _too_little(kind: str, longest: list[int]) -> str:
    if len(longest) < LEAST_DAYS:
        return f"{LEAST_DAYS} are needed: nothing is proposed"
    up = sum(map(bool, longest))
    if kind == "bed_exit" and up < LEAST_OUTINGS:
        return f"out of bed and back in {_count(up, 'night')} only: nothing is proposed"
    return ""


def _seen(days: list[int], word: str, left_out: Iterable[tuple[int, str]]) -> str:
    """Which days taught: "26 days teach (2026-10-01 to 2026-10-28), left out: 2 away"."""
    period = f" ({date_of(days[0])} to {date_of(days[-1])})" if days else ""
    without = ", ".join(f"{count} {why}" for count, why in left_out if count)
    return f"{_count(len(days), word)} to learn from{period}" + f"; left out: {without}" * bool(without)


def _usual(what: str, longest: list[int], strangest: int) -> str:
    spell = _spell(dict(enumerate(longest)))
    if spell is None:
        raise AssertionError("something was learned")
    of_days = f"{span(spell.median)} (median), {span(spell.p95)} (p95), {span(spell.p99)} (p99)"
    return f"{what} was {of_days} and at most {span(spell.longest)}, on {date_of(strangest)}"


def _reason(usual: int, wanted: int, within: int, days: int) -> str:
    strange = ceil(days / _STRANGE)
    without = "longest" if strange == 1 else f"{strange} longest"
    bound = f"; no {'less' if wanted < within else 'more'} may be proposed" if wanted != within else ""
    return (
        f"{span(within)}: without the {without} it was {span(usual)}, and a quarter more, rounded up{bound}"
    )


def _counts(raised: Mapping[int, int], now: int) -> str:
    told = (
        f"{span(limit)}{' (as now)' if limit == now else ''} {_count(times, 'time')}"
        for limit, times in raised.items()
    )
    return f"would have raised: {', '.join(told)}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def _tables(rule: str, proposals: Iterable[Proposal]) -> Iterator[str]:
    yield f'# below the rule with id = "{rule}"'
    for proposal in proposals:
        yield from (f"# {words}" for words in proposal.evidence)
        yield f"[rule.resident.{_key(proposal.resident)}]"
        yield f'within = "{duration(proposal.within or 0)}"'


def _key(name: str) -> str:
    """A name as a key of TOML: in quotes where it needs them."""
    return name if _BARE.fullmatch(name) else "".join(('"', *(_quoted(c) for c in name), '"'))


def _quoted(character: str) -> str:
    if character in {'"', chr(92)}:
        return chr(92) + character
    return character if character.isprintable() else f"{chr(92)}u{ord(character):04x}"


def _longest(found: dict[int, dict[int, int]], minute: int, minutes: int) -> None:
    """Keeps the longest time begun in an hour, for each hour of the day and each day."""
    day, begun = divmod(minute, DAY_MIN)
    of_hour = found.setdefault(begun // 60, {})
    of_hour[day] = max(of_hour.get(day, 0), minutes)


def _spell(of_days: Mapping[int, int] | None) -> Spell | None:
    if not of_days:
        return None
    ordered = sorted(of_days.values())
    count = len(ordered)
    median, p95, p99 = (ordered[ceil(count * part / 100) - 1] for part in (50, 95, 99))
    return Spell(count, median, p95, p99, ordered[-1])
