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
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import NamedTuple

from devices.registry import Registry
from rules.kind import Rule, Subject
from rules.kinds import bed_exit, inactivity
from rules.kinds.bed_exit import BedExitSettings
from rules.kinds.inactivity import InactivitySettings
from rules.routine import (
    DAY_MIN,
    MINUTE_MS,
    Gap,
    Outing,
    Routine,
    Window,
    date_of,
    gaps,
    lesson,
    local_ms,
    nights,
    stirred,
)
from rules.ruleset import Application, RuleSet
from rules.settings import Settings

LEAST_DAYS = 14
"""With fewer days that teach nothing is proposed."""

LEAST_OUTINGS = 5
"""With fewer nights in which she was out of bed and came back nothing is proposed for them."""

NIGHT = Window(21 * 60, 6 * 60)
"""R-75: when times out of bed count where no rule says otherwise."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHORT_MIN = 60  # a shorter silence decides nothing
_LONG_OUT_MIN = 10
_WORTH_MIN = 60  # an hour has a limit of its own if it is so much shorter
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

    `within` is None where nothing is, and `evidence` says why; `hours` are hours that may have less. `raised`
    says how often each limit would have raised in the days that taught.
    """

    rule: str
    kind: str
    resident: str
    now: int
    within: int | None
    hours: Mapping[str, int]
    days: int
    evidence: tuple[str, ...]
    raised: Mapping[int, int]

    @property
    def changes(self) -> bool:
        """Whether there is anything to copy into the rule file."""
        return self.within is not None and (self.within != self.now or bool(self.hours))


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
    applied = (
        Application(definition, registry).to(subject)
        for definition in rules
        if definition.kind.name in BOUNDS
    )
    return tuple(made for rule in applied if rule is not None and (made := _proposal(rule, routine)))


def exits(rules: RuleSet, registry: Registry) -> dict[str, frozenset[str]]:
    """The doors that lead out, of each resident, as her rules have them: what `learn` must know."""
    found: dict[str, frozenset[str]] = {}
    for definition in rules:
        if definition.kind.name == "inactivity":
            application = Application(definition, registry)
            for person in registry.residents.values():
                rule = application.to(Subject(person.id, person, person.place))
                if rule is not None and isinstance(rule.settings, InactivitySettings):
                    found[person.id] = found.get(person.id, frozenset()) | rule.settings.exits
    return found


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
    for gap in gaps(routine, lesson(routine, Window()).days):
        _longest(silent, gap.start, gap.minutes)
    for day, outings in nights(routine, NIGHT).items():
        for outing in outings:
            left = local_ms(outing.left, routine.zone) // MINUTE_MS
            if outing.back is not None and left >= day * DAY_MIN + NIGHT.start:
                _longest(out, left, _minutes(outing))
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
    """What the days teach about one rule.

    `needed`: of each day the longest limit, in minutes, that still raises: its longest silence, as counted.
    `raised` says how often the rule raises in these days with a limit; `hours`, which hours may have less.
    """

    now: int
    needed: Mapping[int, int]
    raised: Callable[[int], int]
    words: list[str]
    hours: Callable[[int], Mapping[str, int]] = lambda _: {}


def _proposal(rule: Rule[Settings], routine: Routine) -> Proposal | None:
    """What is proposed for a rule, None where it is not one that learns or its limit is 0."""
    if isinstance(rule.settings, InactivitySettings):
        learned = _silent(routine, rule.settings)
    elif isinstance(rule.settings, BedExitSettings) and rule.settings.within:
        learned = _out_of_bed(routine, rule.settings)
    else:
        return None
    bounds = BOUNDS[rule.kind]
    days, words = len(learned.needed), learned.words
    about = (rule.id, rule.kind, routine.resident, learned.now)
    if why := _too_little(rule.kind, learned.needed):
        return Proposal(*about, None, {}, days, (*words, why), {})
    usual = sorted(learned.needed.values())[-1 - ceil(days / _STRANGE)]
    within = _within(usual, bounds)
    raised = {limit: learned.raised(limit) for limit in sorted({*bounds.shown, learned.now, within})}
    words += [_reason(usual, within, bounds, days), _counts(raised, learned.now)]
    if within > learned.now:
        words.append("longer than now: people will be called later, which somebody must want")
    by_hour = learned.hours(within)
    if by_hour:
        words.append(
            "the hours given have shorter limits, with which not one of these days raises more often"
        )
    return Proposal(*about, within, by_hour, days, tuple(words), raised)


def _within(needed: int, bounds: Bounds) -> int:
    """The limit for what is needed: a quarter more, rounded up, within the bounds."""
    return min(max(_rounded(needed, bounds), bounds.low), bounds.high)


def _rounded(needed: int, bounds: Bounds) -> int:
    return ceil(needed * _MARGIN / bounds.step) * bounds.step


def _silent(routine: Routine, settings: InactivitySettings) -> _Learned:
    """Silences as the rule counts them: the night stops its count, and in bed she has twice her time."""
    window = Window.of(settings.between)
    learned = lesson(routine, window)
    needed = dict.fromkeys(learned.days, 0)
    of_hour: dict[str, dict[int, int]] = {}
    counted: list[int] = []
    out: list[Gap] = []
    for gap in gaps(routine, learned.days):
        if gap.out:  # no limit of hers matters: `out` does
            out += [gap] if gap.minutes >= _SHORT_MIN else []
            continue
        day, longest = gap.start // DAY_MIN, 0
        if gap.minutes >= _SHORT_MIN:
            longest = _longest_raising(partial(_raises, settings, gap))
            counted.append(longest)
            needed[day] = max(needed[day], longest)
        for hour in _counted_from(gap, window):
            of_day = of_hour.setdefault(f"{hour:02d}", {})
            of_day[day] = max(of_day.get(day, 0), longest)
    left_out = (
        (learned.away, "away"),
        (learned.lost, "not heard whole"),
        (learned.empty, "without any sign of life (look at them)"),
    )
    words = [_seen(tuple(needed), "day", left_out), *_usual(f"the longest silence between {window}", needed)]
    passed = sum(longest * MINUTE_MS >= settings.within for longest in needed.values())
    if passed > len(needed) / 7 and not settings.exits:
        words.append(
            f"silent for longer than now allowed on {_count(passed, 'day')}: if she goes out, name the doors "
            "that lead out (exits), or report her leave"
        )
    if out:
        allowed = span(settings.out // MINUTE_MS)
        words.append(f"{_count(len(out), 'time')} out by a door that leads out, for which she has {allowed}")

    def raised(limit: int) -> int:
        too_long_out = sum(_raises(settings, gap, limit) for gap in out)
        return sum(longest >= limit for longest in counted) + too_long_out

    def hours_below(within: int) -> Mapping[str, int]:
        bounds = BOUNDS["inactivity"]
        limits = {
            hour: _within(max(of_days.values()), bounds)
            for hour, of_days in sorted(of_hour.items())
            if len(of_days) >= LEAST_DAYS
        }
        return {hour: limit for hour, limit in limits.items() if limit <= within - _WORTH_MIN}

    return _Learned(settings.within // MINUTE_MS, needed, raised, words, hours_below)


def _counted_from(gap: Gap, window: Window) -> set[int]:
    """The hours whose limits may hold for a silence: that in which it begins, and the first of the day."""
    minute = gap.start % DAY_MIN
    if window.start <= minute < window.end:
        anew = minute + gap.minutes > window.end  # the night may stop the count
        return {minute // 60, window.start // 60} if anew else {minute // 60}
    return {window.start // 60}


def _raises(settings: InactivitySettings, gap: Gap, limit: int) -> bool:
    """Whether the rule calls people in a silence, at a limit; on the wall clock, which is taken for UTC."""
    tried = settings.model_copy(update={"within": limit * MINUTE_MS, "hours": {}})
    due = inactivity.due(tried, "UTC", gap.start * MINUTE_MS, in_bed=gap.in_bed, out=gap.out)
    return due <= (gap.start + gap.minutes) * MINUTE_MS


def _out_of_bed(routine: Routine, settings: BedExitSettings) -> _Learned:
    """Times out of bed as the rule counts them: within its window, and not before she first went to bed."""
    window = Window.of(settings.between)
    told = nights(routine, window)
    counted = {
        day: [
            _longest_raising(partial(_calls, settings, routine.zone, outing))
            for outing in outings
            if outing.back
        ]
        for day, outings in told.items()
    }
    needed = {day: max(of_night, default=0) for day, of_night in counted.items()}
    words = [
        _seen(tuple(needed), "night", ()),
        *_usual(f"the longest time out of bed between {window}", needed),
    ]
    long_ones = [
        outing for outings in told.values() for outing in outings if _minutes(outing) >= _LONG_OUT_MIN
    ]
    unseen = sum(not stirred(routine, outing) for outing in long_ones)
    if unseen > len(long_ones) / 2:
        words.append(
            f"nothing else stirred in {unseen} of {_count(len(long_ones), 'time')} out of bed of "
            f"{_LONG_OUT_MIN} min or more: does the sensor lose her while she sleeps?"
        )

    def raised(limit: int) -> int:
        return sum(longest >= limit for of_night in counted.values() for longest in of_night)

    return _Learned(settings.within // MINUTE_MS, needed, raised, words)


def _calls(settings: BedExitSettings, zone: str, outing: Outing, limit: int) -> bool:
    """Whether the rule calls people in a time out of bed, at a limit."""
    tried = settings.model_copy(update={"within": limit * MINUTE_MS})
    due = bed_exit.due(tried, zone, outing.left)
    return due is not None and outing.back is not None and due <= outing.back


def _longest_raising(raises: Callable[[int], bool]) -> int:
    """The longest limit, in minutes, that still raises; one that is shorter raises too. 0: none does."""
    return max(0, bisect_left(range(DAY_MIN), True, key=lambda limit: not raises(limit)) - 1)


def _minutes(outing: Outing) -> int:
    return 0 if outing.back is None else (outing.back - outing.left) // MINUTE_MS


def _too_little(kind: str, needed: Mapping[int, int]) -> str:
    if len(needed) < LEAST_DAYS:
        return f"{LEAST_DAYS} are needed: nothing is proposed"
    up = sum(map(bool, needed.values()))
    if kind == "bed_exit" and up < LEAST_OUTINGS:
        return f"out of bed and back in {_count(up, 'night')} only: nothing is proposed"
    return ""


def _seen(days: Sequence[int], word: str, left_out: Iterable[tuple[int, str]]) -> str:
    """Which days taught, and how many did not."""
    period = f" ({date_of(days[0])} to {date_of(days[-1])})" if days else ""
    without = ", ".join(f"{count} {why}" for count, why in left_out if count)
    return f"{_count(len(days), word)} to learn from{period}" + (f"; left out: {without}" if without else "")


def _usual(what: str, needed: Mapping[int, int]) -> Iterator[str]:
    spell = _spell(needed)
    if spell is None or not spell.longest:
        return
    strangest = max(needed, key=lambda day: needed[day])
    of_days = f"{span(spell.median)} (median), {span(spell.p95)} (p95), {span(spell.p99)} (p99)"
    yield f"{what} was {of_days} and at most {span(spell.longest)}, on {date_of(strangest)}"


def _reason(usual: int, within: int, bounds: Bounds, days: int) -> str:
    strange = ceil(days / _STRANGE)
    without = "longest" if strange == 1 else f"{strange} longest"
    wanted = _rounded(usual, bounds)
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
        if proposal.hours:
            by_hour = ", ".join(f'{hour} = "{duration(limit)}"' for hour, limit in proposal.hours.items())
            yield f"hours = {{ {by_hour} }}"


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
