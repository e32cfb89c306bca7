"""What happens to one resident: dangers and absences, written into her diary. Rule: at most one a day.

This is the hidden state that the truth is told from. What devices and staff make of it is not known here.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, time
from random import Random
from typing import NamedTuple

from simulators.life import DAY_MS, HOUR_MS, MINUTE_MS, Span, at_local, days
from simulators.village.diary import AWAY, BATH, BED, DINING, FLOOR, KITCHEN, OUT, ROOM, Diary, routine
from simulators.village.limits import bed_exit_limit_ms
from simulators.village.people import Villager

_INDOORS = frozenset((ROOM, BATH, KITCHEN, DINING))
_HEARD = frozenset((ROOM, BATH, KITCHEN, DINING, BED))
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Dangers:
    """How often a week each happens to a resident (to whom it can happen)."""

    press: float = 0.0
    fall: float = 0.0
    long_out: float = 0.0
    still: float = 0.0
    stray: float = 0.0
    illness: float = 0.0
    forgotten_check_in: float = 0.0
    skipped_rounds: float = 0.0
    skipped_turns: float = 0.0
    absence: float = 0.0


CALM = Dangers(absence=0.12)
EVENTFUL = Dangers(
    press=0.5,
    fall=0.5,
    long_out=1.0,
    still=0.6,
    stray=0.8,
    illness=0.25,
    forgotten_check_in=0.5,
    skipped_rounds=0.6,
    skipped_turns=0.6,
    absence=0.15,
)


class Fall(NamedTuple):
    """She falls `at` and lies until `up`; `helped`: others got her up. `told` by which device, if any."""

    at: int
    up: int
    helped: bool
    told: str


class Illness(NamedTuple):
    """Comes on from `onset` to `full`, wanes from `wanes` to `ends`; and what it adds at its worst."""

    onset: int
    full: int
    wanes: int
    ends: int
    pulse: float
    breath: float
    oxygen: float
    warmth: float

    def weight(self, at_ms: int) -> float:
        """How much of it shows, 0 to 1."""
        if at_ms < self.full:
            return max(0.0, (at_ms - self.onset) / (self.full - self.onset))
        return min(1.0, max(0.0, (self.ends - at_ms) / (self.ends - self.wanes)))


class Press(NamedTuple):
    """She calls for help with a device."""

    at: int
    device: str


class Absence(NamedTuple):
    """She is away; `why` as the desk tells it."""

    start: int
    end: int
    why: str


@dataclass(slots=True)
class Fate:
    """One resident's run. Filled by `fate_of` and not changed afterwards."""

    person: Villager
    diary: Diary
    presses: list[Press] = field(default_factory=list)
    falls: list[Fall] = field(default_factory=list)
    still: list[Span] = field(default_factory=list)
    strays: list[Span] = field(default_factory=list)
    illnesses: list[Illness] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)
    silent_mornings: list[int] = field(default_factory=list)
    skipped_rounds: list[Span] = field(default_factory=list)
    skipped_turns: list[Span] = field(default_factory=list)

    def ill(self, at_ms: int) -> tuple[Illness, float] | None:
        """What she suffers from then, and how much of it shows."""
        for illness in self.illnesses:
            if illness.onset <= at_ms < illness.ends:
                return illness, illness.weight(at_ms)
        return None

    def away(self, at_ms: int) -> bool:
        """Whether she is away then."""
        return any(absence.start <= at_ms < absence.end for absence in self.absences)

    def away_about(self, start: int, end: int) -> bool:
        """Whether she was away at some time of a span, or within an hour: the desk is not told at once."""
        return any(gone.start - HOUR_MS < end and start < gone.end + HOUR_MS for gone in self.absences)

    def lies_still(self, at_ms: int) -> bool:
        """Whether she lies where nobody knows, without moving."""
        return any(start <= at_ms < end for start, end in self.still)


def fate_of(person: Villager, dangers: Dangers, seed: str, start_ms: int, end_ms: int) -> Fate:
    """Draws her routine and what happens in it, day by day."""
    rng = Random(f"{seed}/fate/{person.id}")  # noqa: S311 - the same seed must give the same fate
    fate = Fate(person, routine(person, rng, start_ms, end_ms))
    chances = [
        (getattr(dangers, each.name) / 7, _HAPPENS[each.name])
        for each in fields(dangers)
        if getattr(dangers, each.name)
    ]
    bounds: list[float] = []
    for chance, _ in chances:
        bounds.append((bounds[-1] if bounds else 0.0) + chance)
    free_from = start_ms + 2 * HOUR_MS
    for day in days(start_ms, end_ms):
        which = bisect_right(bounds, rng.random())
        if which < len(chances):
            noon = at_local(day, time(12))
            if noon - 6 * HOUR_MS > free_from and noon + 24 * HOUR_MS < end_ms:
                free_from = chances[which][1](fate, rng, day) or free_from
    return fate


Happening = Callable[[Fate, Random, datetime], int]
"""Writes one happening of a day into a fate; gives when the next may begin, 0 when it could not happen."""


def _moment(rng: Random, fate: Fate, day: datetime, hours: tuple[float, float], where: frozenset[str]) -> int:
    """A moment of the day at which she is somewhere for at least a minute more; 0 when there is none."""
    for _ in range(_TRIES):
        at = at_local(day, time()) + int(rng.uniform(*hours) * HOUR_MS)
        stay = fate.diary.at(at)
        if stay.where in where and stay.start + MINUTE_MS < at < stay.end - MINUTE_MS:
            return at
    return 0


def _press(fate: Fate, rng: Random, day: datetime) -> int:
    person = fate.person
    at = _moment(rng, fate, day, (6.5, 29), _HEARD)
    if at:
        on_wrist = person.watch and rng.random() < 0.4
        fate.presses.append(Press(at, person.device("watch" if on_wrist else "button")))
    return at and at + 3 * HOUR_MS


def _fall(fate: Fate, rng: Random, day: datetime) -> int:
    person = fate.person
    at = _moment(rng, fate, day, (6.5, 20), _INDOORS)
    if not at:
        return 0
    helped = rng.random() > 0.35
    soon = rng.random() < 0.7
    lies = (
        rng.uniform(*((3, 15) if soon else (35, 100))) if helped else rng.uniform(0.3, 0.4 if soon else 1.5)
    )
    told = ""
    if person.watch and rng.random() < 0.9:
        told = person.device("watch")
    elif fate.diary.at(at).where == BATH and person.dwelling == "care":
        told = f"radar-{person.room}"
    up = at + int(lies * MINUTE_MS)
    fate.falls.append(Fall(at, up, helped, told))
    fate.diary = fate.diary.written_over(at, up, FLOOR)
    return up + 3 * HOUR_MS


def _long_out(fate: Fate, rng: Random, day: datetime) -> int:
    at = _moment(rng, fate, day, (22.5, 28), frozenset((BED,)))
    if not at:
        return 0
    back = at + bed_exit_limit_ms(fate.person) + int(rng.uniform(3, 40) * MINUTE_MS)
    fate.diary = fate.diary.written_over(at, back, BATH)
    return back + 2 * HOUR_MS


def _still(fate: Fate, rng: Random, day: datetime) -> int:
    """She lies somewhere in her flat, not moving, until somebody finds her. Her watch lies on the table."""
    if fate.person.dwelling == "care":
        return 0
    at = _moment(rng, fate, day, (9.8, 13), _INDOORS)
    if not at:
        return 0
    found = at + int(rng.uniform(4.7, 8) * HOUR_MS)
    fate.still.append((at, found))
    fate.diary = fate.diary.written_over(at, found, FLOOR)
    return found + 6 * HOUR_MS


def _stray(fate: Fate, rng: Random, day: datetime) -> int:
    if fate.person.risk("going_missing") == "low":
        return 0
    at = _moment(rng, fate, day, (22.5, 28), frozenset((BED,)))
    if not at:
        return 0
    passes = at + int(rng.uniform(1, 4) * MINUTE_MS)
    back = passes + int(rng.uniform(8, 40) * MINUTE_MS)
    diary = fate.diary.written_over(at, passes, ROOM)
    fate.diary = diary.written_over(passes, back, OUT)
    fate.strays.append((passes, back))
    return back + 3 * HOUR_MS


def _illness(fate: Fate, rng: Random, day: datetime) -> int:
    """An infection, or a heart that races: it comes on over hours."""
    onset = at_local(day, time()) + int(rng.uniform(8, 20) * HOUR_MS)
    full = onset + int(rng.uniform(1, 4) * HOUR_MS)
    wanes = full + int(rng.uniform(6, 14) * HOUR_MS)
    ends = wanes + int(rng.uniform(3, 8) * HOUR_MS)
    worst = rng.choice(((98.0, 6.0, -2.0, 0.7), (50.0, 16.5, -8.0, 2.0), (40.0, 10.0, -15.5, 1.0)))
    fate.illnesses.append(Illness(onset, full, wanes, ends, *worst))
    return ends + DAY_MS


def _forgotten(fate: Fate, _rng: Random, day: datetime) -> int:
    fate.silent_mornings.append(at_local(day, time()))
    return at_local(day, time(12))


def _skipped_rounds(fate: Fate, rng: Random, day: datetime) -> int:
    if fate.person.dwelling != "care":
        return 0
    start = at_local(day, time(21)) + int(rng.uniform(0, 4) * HOUR_MS)
    end = start + int(rng.uniform(2.5, 5.5) * HOUR_MS)
    fate.skipped_rounds.append((start, end))
    return end + HOUR_MS


def _skipped_turns(fate: Fate, rng: Random, day: datetime) -> int:
    if fate.person.risk("pressure_ulcer") == "low" or fate.person.dwelling != "care":
        return 0
    start = at_local(day, time()) + int(rng.uniform(8, 18) * HOUR_MS)
    end = start + int(rng.uniform(8, 12) * HOUR_MS)
    fate.skipped_turns.append((start, end))
    return end + HOUR_MS


def _absence(fate: Fate, rng: Random, day: datetime) -> int:
    start = at_local(day, time()) + int(rng.uniform(9.5, 16) * HOUR_MS)
    nights = rng.randrange(1, 5)
    end = at_local(day, time()) + nights * DAY_MS + int(rng.uniform(9.5, 17) * HOUR_MS)
    why = rng.choice(("hospital", "leave", "holiday"))
    fate.absences.append(Absence(start, end, why))
    fate.diary = fate.diary.written_over(start, end, AWAY)
    return end + HOUR_MS


_HAPPENS: dict[str, Happening] = {
    "press": _press,
    "fall": _fall,
    "long_out": _long_out,
    "still": _still,
    "stray": _stray,
    "illness": _illness,
    "forgotten_check_in": _forgotten,
    "skipped_rounds": _skipped_rounds,
    "skipped_turns": _skipped_turns,
    "absence": _absence,
}
