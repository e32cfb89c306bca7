"""A rota: when its shifts come, and whose turn each of them is.

Rule: wall-clock times of the place go in, instants come out, whatever the clocks do (`rules.deadlines`): a
shift that ends at a local time and one that begins at it leave no gap between them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from enum import StrEnum

from rules import recurrence
from rules.deadlines import instant, local_day

_DAY = timedelta(days=1)
_LONGEST_DAYS = 2  # a shift lasts a day at most, and clocks that change may make it a little longer


class Rotation(StrEnum):
    """When the turn passes on: with every shift, every seven days from `since`, or as a list says by day."""

    DAILY = "daily"
    WEEKLY = "weekly"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Turn:
    """One shift of one day: `people` (ids; none: nobody) from `begin` until before `end`, ms UTC."""

    shift: str
    role: str
    places: tuple[str, ...]
    begin: int
    end: int
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift of a role at places of one time zone, from a local time to another, over midnight if need be.

    Equal times are a whole day. It comes from the day `since` to the day `until` (the days on which it
    begins), on the days of `calendar` (an RRULE counted from `since`; "": every day). Those of `turns` take
    turns, the first of them on the first day; of a list those of `listed` have their days, and nobody has the
    others.
    """

    id: str
    role: str
    places: tuple[str, ...]
    zone: str
    begins: time
    ends: time
    since: date
    until: date | None = None
    calendar: str = ""
    rotation: Rotation = Rotation.DAILY
    turns: tuple[tuple[str, ...], ...] = ()
    listed: Mapping[date, tuple[str, ...]] = field(default_factory=dict)

    def between(self, since: int, until: int) -> Iterator[Turn]:
        """Its turns that have a part in [since, until), in order."""
        day = max(self.since, local_day(since, self.zone) - _LONGEST_DAYS * _DAY)
        last = local_day(until, self.zone)
        if self.until is not None:
            last = min(last, self.until)
        while day <= last:
            turn = self.on(day)
            if turn is not None and turn.begin < until and since < turn.end:
                yield turn
            day += _DAY

    def on(self, day: date) -> Turn | None:
        """The turn that begins on a local day, if the shift comes then."""
        if not self._comes(day):
            return None
        begin = instant(day, self.begins, self.zone)
        end = instant(day if self.begins < self.ends else day + _DAY, self.ends, self.zone)
        if end <= begin:  # all of it in an hour that the clocks leave out
            return None
        return Turn(self.id, self.role, self.places, begin, end, self._whose(day))

    def _comes(self, day: date) -> bool:
        if day < self.since or (self.until is not None and day > self.until):
            return False
        return not self.calendar or recurrence.comes(self.calendar, self.since, day)

    def _whose(self, day: date) -> tuple[str, ...]:
        if self.rotation is Rotation.LIST:
            return self.listed.get(day, ())
        days = (day - self.since).days
        if self.rotation is Rotation.WEEKLY:
            number = days // 7
        else:
            number = recurrence.number(self.calendar, self.since, day) if self.calendar else days
        return self.turns[number % len(self.turns)] if self.turns else ()
