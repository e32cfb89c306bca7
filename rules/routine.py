"""The routine of a resident, learned from her history. Rule: plain counting that a person can check by hand.

A history is read once, in the order of time, and noted to the minute: for each local day one bit a minute for
signs of life (`rules.signs`), for what is told without them, for time in bed, for being away and for lost
sensors; and the times out of bed. That is all that is kept: a kilobyte for a day, however much she moves.

Away days, the hospital and sensors that were lost do not teach: a day that touches one is left out whole. So
is one in which nothing was told for far longer than usual, where sensors speak without her, and one without
any sign of life: either she was out and nobody said so, or it was the emergency itself. A person should look
at such days. The minutes of a day are the wall clock's; when the clocks change an hour is empty or double.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from devices.observation import Observation
from devices.registry import Registry
from rules import signs
from rules.kinds.inactivity import Whereabouts, by_door

MINUTE_MS = 60_000
SETTLE_MS = 3_000
"""A shorter touch of the bed is no return to it, as for the rule."""

DAY_MIN = 1_440
_BEAT_MIN = 60  # where something speaks at least so often, whether she moves or not,
_DEAF_TIMES = 3  # ... a pause of thrice the usual, and longer than that, is no routine
_EPOCH = date(1970, 1, 1)
_NO_EXITS: Mapping[str, frozenset[str]] = {}
_BED_EVENTS = {"bed_enter": True, "bed_exit": False}
_DeviceKey = tuple[str, str]


class Day(NamedTuple):
    """One local day. Each a number with bit m set where it holds in minute m of the day (0 to 1439).

    `beats`: something was measured or reported, whether she moves or not. `out`: her last sign of life then
    was going out by a door that leads out.
    """

    signs: int = 0
    beats: int = 0
    in_bed: int = 0
    out: int = 0
    away: int = 0
    lost: int = 0


class Outing(NamedTuple):
    """A time out of bed: from when to when, ms UTC; `back` is None when she did not come back to it."""

    left: int
    back: int | None


@dataclass(frozen=True, slots=True)
class Routine:
    """What was noted of one resident: her days by number (`date_of`), and her times out of bed in order."""

    resident: str
    zone: str
    days: Mapping[int, Day] = field(default_factory=dict)
    outings: tuple[Outing, ...] = ()


class Window(NamedTuple):
    """A part of the day, from one minute of the day to another; over midnight when it ends no later."""

    start: int = 0
    end: int = DAY_MIN

    @classmethod
    def of(cls, between: tuple[time, time] | None) -> "Window":
        """The window of a rule; None is the whole day."""
        if between is None:
            return cls()
        start, end = (at.hour * 60 + at.minute for at in between)
        return cls(start, end)

    def __str__(self) -> str:
        return " and ".join(f"{at // 60:02d}:{at % 60:02d}" for at in self)

    @property
    def minutes(self) -> int:
        """How long it is."""
        return self.end - self.start if self.end > self.start else self.end - self.start + DAY_MIN


class Gap(NamedTuple):
    """A time without a sign of life: from which minute of the wall clock on, since 1970; how many.

    Whether she was in bed when it began, or had gone out by a door that leads out.
    """

    start: int
    minutes: int
    in_bed: bool = False
    out: bool = False


class Lesson(NamedTuple):
    """The days that teach, and how many do not: away, sensors lost, without any sign of life."""

    days: tuple[int, ...]
    away: int
    lost: int
    empty: int


def date_of(day: int) -> date:
    """The date of a day by its number."""
    return _EPOCH + timedelta(days=day)


def learn(
    history: Iterable[Observation], registry: Registry, exits: Mapping[str, frozenset[str]] = _NO_EXITS
) -> dict[str, Routine]:
    """The routines of all residents of whom a history tells, by id.

    `exits`: the devices on doors that lead out, by resident, as her rule has them.
    What is nobody's alone teaches about everybody who dwells at its place, as the rules hear it.
    """
    notes: dict[str, _Notes] = {}
    behind = _behind_gateways(registry)
    for observation in history:
        whose: Iterable[str] = (observation.resident,) if observation.resident else ()
        whose = whose or registry.dwellers(observation.place)
        for resident in whose:
            _of(notes, resident, registry).take(observation, exits.get(resident, frozenset()))
        if observation.metric == "online":
            key = (observation.site, observation.device)
            for resident in behind.get(key, ()) or behind.get(("", observation.device), ()):
                _of(notes, resident, registry).gateway(observation)
    return {resident: noted.routine(resident) for resident, noted in sorted(notes.items())}


def lesson(routine: Routine, window: Window) -> Lesson:
    """Which days of a routine teach about a window of theirs, the earliest first."""
    begun = [day for day in _range(routine.days) if _whole(routine, day, window)]
    seen = {day: _cut(routine, day, window) for day in begun}
    pauses = {day: _longest_pause(seen[day].beats, window.minutes) for day in begun}
    usual = sorted(pauses.values())[len(begun) // 2] if begun else 0
    deaf = max(_BEAT_MIN, _DEAF_TIMES * usual) if usual <= _BEAT_MIN else window.minutes
    days: list[int] = []
    away = lost = empty = 0
    for day in begun:
        if seen[day].away:
            away += 1
        elif seen[day].lost or pauses[day] > deaf:
            lost += 1
        elif not seen[day].signs:
            empty += 1
        else:
            days.append(day)
    return Lesson(tuple(days), away, lost, empty)


def gaps(routine: Routine, taught: Container[int]) -> Iterator[Gap]:
    """The times between signs of life that lie in days that teach, over midnight too; by when they began."""
    before: int | None = None
    in_bed = out = False
    for day in _range(routine.days):
        if day not in taught:
            before = None
            continue
        noted = routine.days.get(day, Day())
        for minute in _bits(noted.signs):
            at = day * DAY_MIN + minute
            if before is not None:
                yield Gap(before, at - before, in_bed, out)
            before, in_bed, out = at, bool(noted.in_bed >> minute & 1), bool(noted.out >> minute & 1)


def nights(routine: Routine, window: Window) -> dict[int, tuple[Outing, ...]]:
    """The nights of which the bed told, by day, neither away nor with sensors lost; and her times out of bed.

    A time out of bed is of the night in which it began, or else of the next one to come.
    """
    found: dict[int, list[Outing]] = {}
    for day in _range(routine.days):
        seen = _cut(routine, day, window)
        if _whole(routine, day, window) and seen.in_bed and not seen.away and not seen.lost:
            found[day] = []
    for outing in routine.outings:
        day, minute = divmod(local_ms(outing.left, routine.zone) // MINUTE_MS, DAY_MIN)
        over_midnight = window.end <= window.start
        if over_midnight and minute < window.end:
            day -= 1
        elif not over_midnight and minute >= window.end:
            day += 1
        if day in found:
            found[day].append(outing)
    return {day: tuple(outings) for day, outings in found.items()}


def stirred(routine: Routine, outing: Outing) -> bool:
    """Whether any sensor told a sign of life between leaving the bed and coming back, those minutes apart."""
    left, back = (local_ms(at or 0, routine.zone) // MINUTE_MS for at in outing)
    days = range(left // DAY_MIN, back // DAY_MIN + 1)
    minutes = sum(routine.days.get(day, Day()).signs << (day - days.start) * DAY_MIN for day in days)
    first = left - days.start * DAY_MIN + 1
    return bool(minutes >> first & _run(max(0, back - left - 1)))


def local_ms(at: int, zone: str) -> int:
    """An instant (ms UTC) as ms on the wall clock since 1970-01-01 00:00 there."""
    return at + _offset(at // 900_000, zone)


@lru_cache(maxsize=1 << 15)
def _offset(quarter: int, zone: str) -> int:
    """How far the wall clock is ahead of UTC, ms; zones change at a quarter of an hour."""
    ahead = datetime.fromtimestamp(quarter * 900, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    return round((ahead or timedelta()).total_seconds() * 1_000)


class _Notes:
    """What is noted of one resident while her history is read. Lives within `learn`."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self.days: dict[int, list[int]] = {}
        self.first = self.last = 0
        self.known: signs.Known = {}
        self.tellers: set[_DeviceKey] = set()
        self.offline: dict[_DeviceKey, int] = {}
        self.spans: list[tuple[_DeviceKey, int, int]] = []
        self.went = Whereabouts()
        self.away_since: int | None = None
        self.beds: dict[_DeviceKey, bool] = {}
        self.bed_at = 0
        self.in_bed_since: int | None = None
        self.left: int | None = None
        self.outings: list[Outing] = []

    def take(self, observation: Observation, exits: frozenset[str]) -> None:
        at, metric, value = observation.at, observation.metric, observation.value
        device = (observation.site, observation.device)
        self.first = min(self.first or at, at)
        self.last = max(self.last, at)
        if metric == "absence":
            self._absence(at, value != "present")
            return
        if metric == "online":
            self._online(device, at, bool(value))
            return
        self.known, sign = signs.notice(self.known, observation)
        day, minute = divmod(local_ms(at, self.zone) // MINUTE_MS, DAY_MIN)
        noted = self._day(day)
        if metric not in signs.METRICS:
            noted[_BEATS] |= 1 << minute
        if sign:
            noted[_SIGNS] |= 1 << minute
            self.tellers.add(device)
            self.went = by_door(exits, self.went, observation, at, at)
            noted[_OUT] = noted[_OUT] & ~(1 << minute) | bool(self.went.left) << minute
        if metric == "bed_occupied" or metric in _BED_EVENTS:
            self._bed(device, at, _BED_EVENTS.get(metric, bool(value)))

    def gateway(self, observation: Observation) -> None:
        device = (observation.site, observation.device)
        self.tellers.add(device)
        self._online(device, observation.at, bool(observation.value))

    def routine(self, resident: str) -> Routine:
        """What was noted, with all that is still open ended."""
        self._absence(self.last, away=False)
        for device in tuple(self.offline):
            self._online(device, self.last, online=True)
        if self.in_bed_since is not None:
            self._lay(self.in_bed_since, self.last)
        elif self.left is not None:
            self.outings.append(Outing(self.left, None))
        for teller, since, until in self.spans:
            if teller in self.tellers:
                self._fill(_LOST, since, until)
        self._unheard()
        days = {day: Day(*noted) for day, noted in sorted(self.days.items())}
        return Routine(resident, self.zone, days, tuple(sorted(self.outings, key=lambda outing: outing.left)))

    def _absence(self, at: int, away: bool) -> None:
        if away and self.away_since is None:
            self.away_since = at
        elif not away and self.away_since is not None:
            self._fill(_AWAY, self.away_since, at)
            self.away_since = None

    def _online(self, device: _DeviceKey, at: int, online: bool) -> None:
        if not online:
            self.offline.setdefault(device, at)
        elif (since := self.offline.pop(device, None)) is not None:
            self.spans.append((device, since, at))

    def _bed(self, device: _DeviceKey, at: int, occupied: bool) -> None:
        """Several mats are one bed: she is in it while any says so. What comes too late says nothing."""
        if at < self.bed_at:
            return
        self.bed_at = at
        self.beds[device] = occupied
        lying = any(self.beds.values())
        if lying and self.in_bed_since is None:
            self.in_bed_since = at
        elif not lying and self.in_bed_since is not None:
            if self.left is None or at - self.in_bed_since >= SETTLE_MS:
                self._lay(self.in_bed_since, at - MINUTE_MS)  # in the minute she leaves it she is out
                self.left = at
            self.in_bed_since = None

    def _lay(self, since: int, until: int) -> None:
        """She was in bed. A time out of it of less than a minute is a mat that flickers."""
        self._fill(_IN_BED, since, until)
        if self.left is not None and since - self.left >= MINUTE_MS:
            self.outings.append(Outing(self.left, since))

    def _unheard(self) -> None:
        """Before the first word and after the last one nobody listened."""
        first, last = (local_ms(at, self.zone) // MINUTE_MS for at in (self.first, self.last))
        self._set(_LOST, first - first % DAY_MIN, first)
        self._set(_LOST, last + 1, last - last % DAY_MIN + DAY_MIN)

    def _fill(self, what: int, since: int, until: int) -> None:
        start, end = (local_ms(at, self.zone) // MINUTE_MS for at in (since, until))
        self._set(what, start, end + 1)

    def _set(self, what: int, start: int, end: int) -> None:
        """Sets the minutes from `start` to before `end`, counted since 1970."""
        while start < end:
            day, minute = divmod(start, DAY_MIN)
            length = min(end - start, DAY_MIN - minute)
            self._day(day)[what] |= _run(length) << minute
            start += length

    def _day(self, day: int) -> list[int]:
        noted = self.days.get(day)
        if noted is None:
            noted = self.days[day] = list(Day())
        return noted


_SIGNS, _BEATS, _IN_BED, _OUT, _AWAY, _LOST = range(6)


def _of(notes: dict[str, _Notes], resident: str, registry: Registry) -> _Notes:
    noted = notes.get(resident)
    if noted is None:
        person = registry.residents.get(resident)
        noted = notes[resident] = _Notes(registry.timezone(person.place if person else ""))
    return noted


def _behind_gateways(registry: Registry) -> dict[_DeviceKey, set[str]]:
    """Whose sensors are heard through which gateway."""
    behind: dict[_DeviceKey, set[str]] = {}
    for device in registry.devices.values():
        if device.gateway:
            found = registry.device(device.site, device.gateway)
            key = (found.site if found else device.site, device.gateway)
            whose = (device.resident,) if device.resident else registry.dwellers(device.place)
            behind.setdefault(key, set()).update(whose)
    return behind


def _run(length: int) -> int:
    return (1 << length) - 1


def _range(days: Mapping[int, Day]) -> Iterator[int]:
    """All days from the first to the last, also those of which nothing is noted."""
    return iter(range(min(days), max(days) + 1)) if days else iter(())


def _whole(routine: Routine, day: int, window: Window) -> bool:
    """Whether the history holds all of the window that begins on this day."""
    return window.end > window.start or day + 1 <= max(routine.days)


def _cut(routine: Routine, day: int, window: Window) -> Day:
    """What holds in the window that begins on this day: bit 0 is its first minute."""
    today = routine.days.get(day, Day())
    tomorrow = routine.days.get(day + 1, Day())
    wanted = _run(window.minutes)
    return Day(
        *(
            ((now | later << DAY_MIN) >> window.start) & wanted
            for now, later in zip(today, tomorrow, strict=True)
        )
    )


def _longest_pause(bits: int, length: int) -> int:
    """The longest time between bits that are set, from the first minute and to the last."""
    longest = start = 0
    for at in _bits(bits):
        longest, start = max(longest, at - start), at
    return max(longest, length - start)


def _bits(bits: int) -> Iterator[int]:
    """The numbers of the bits that are set, the lowest first."""
    at = -1
    while bits:
        step = (bits & -bits).bit_length()
        at += step
        bits >>= step
        yield at
