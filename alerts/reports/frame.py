"""In what a report counts: its period, and the places, shifts, days and hours into which calls fall.

Rule: places are the registry's and shifts the rota's as they are now; times of day are those of one zone.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.duty import PRIMARY, Duty
from alerts.reports.case import Case, Round
from alerts.where import where
from devices.registry import PlaceKind, Registry
from rules.deadlines import instant

HOUR_MS = 3_600_000
DAY, NIGHT = "day", "night"
"""The shifts where the rota has none."""

_ONE_DAY = timedelta(days=1)
_TOO_SMALL = frozenset((PlaceKind.ROOM, PlaceKind.BED))


class Span(NamedTuple):
    """Somebody has a post from `begin` until before `end`, ms UTC."""

    begin: int
    end: int
    role: str
    person: str
    shift: str


@dataclass(frozen=True)
class Frame:
    """A period from `since` until before `until` (ms UTC), as known at `known_at`.

    `zone` is in whose hours and days it counts; `night` when its night is (R-46).
    """

    since: int
    until: int
    known_at: int
    zone: str
    registry: Registry = field(default_factory=Registry)
    duty: Duty = field(default_factory=Duty)
    night: tuple[time, time] = (time(21), time(7))

    def holds(self, at: int | None) -> bool:
        """Whether a time is in the period."""
        return at is not None and self.since <= at < self.until

    def rounds(self, case: Case) -> Iterator[Round]:
        """The rounds that began in the period."""
        return (one for one in case.rounds if self.holds(one.called_at))

    def chain(self, case: Case) -> tuple[str, ...]:
        """The place of an alert and all above it, the nearest first; its site where nothing else is known."""
        places = tuple(at.id for at in self.registry.above(where(self.registry, case.subject).place))
        return places or ((case.site,) if case.site else ())

    def place(self, case: Case) -> str:
        """The place that an alert counts for: the nearest that is neither a room nor a bed, "" unknown."""
        chain, known = self.chain(case), self.registry.places
        large = (at for at in chain if at not in known or known[at].kind not in _TOO_SMALL)
        return next(large, chain[0] if chain else "")

    def around(self, place: str) -> list[str]:
        """A place and all it lies in, but for rooms and beds."""
        return [at.id for at in self.registry.above(place) if at.kind not in _TOO_SMALL]

    def shift(self, case: Case, at: int) -> str:
        """The shift on duty nearest to an alert, the primary's if there is one; else `day` or `night`."""
        for role in (PRIMARY, ""):
            for place in self.chain(case):
                found = [one.shift for one in self._posted(place, at) if role in {"", one.role} and one.shift]
                if found:
                    return min(found)
        return NIGHT if self.is_night(at) else DAY

    def on_duty(self, case: Case, at: int) -> tuple[str, ...]:
        """Everybody on duty, in any role, at the place of an alert or above."""
        found = (one.person for place in self.chain(case) for one in self._posted(place, at))
        return tuple(dict.fromkeys(found))

    def _posted(self, place: str, at: int) -> list[Span]:
        return [one for one in self._spans.get(place, ()) if one.begin <= at < one.end]

    @cached_property
    def _spans(self) -> Mapping[str, list[Span]]:
        """Who has which post when, by place."""
        found: defaultdict[str, list[Span]] = defaultdict(list)
        for begin, end, post in self.duty.spans(self.since, self.until):
            found[post.place].append(Span(begin, end, post.role, post.person, post.shift))
        return found

    @cached_property
    def hours_on_duty(self) -> Mapping[str, frozenset[int]]:
        """The hours (their beginnings, ms UTC) in which each person of the rota was on duty at some time."""
        found: defaultdict[str, set[int]] = defaultdict(set)
        for spans in self._spans.values():
            for one in spans:
                found[one.person].update(range(self.hour(one.begin), one.end, HOUR_MS))
        return {person: frozenset(hours) for person, hours in found.items()}

    def hour(self, at: int) -> int:
        """The beginning of the local hour that an instant is in, ms UTC."""
        local = self.local(at)
        return at - (local.minute * 60 + local.second) * 1000 - at % 1000

    def local(self, at: int) -> datetime:
        """An instant as the clock on the wall says it."""
        return datetime.fromtimestamp(at // 1000, self._zone)

    def day(self, at: int) -> str:
        """The local day of an instant, as 2026-11-30."""
        return self.local(at).date().isoformat()

    def days(self) -> Iterator[tuple[str, int, int]]:
        """The local days of the period, each with its part of it: from when until before when, ms UTC."""
        day = self.local(self.since).date()
        while (begin := instant(day, time(), self.zone)) < self.until:
            end = instant(day + _ONE_DAY, time(), self.zone)
            yield day.isoformat(), max(begin, self.since), min(end, self.until)
            day += _ONE_DAY

    def is_night(self, at: int) -> bool:
        """Whether it is night then."""
        begins, ends = self.night
        now = self.local(at).time()
        return begins <= now < ends if begins < ends else now >= begins or now < ends

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)
