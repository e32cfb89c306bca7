"""What staff and visitors do, and when: rounds, turning, help, visits. Rule: a deed is done, told or not.

Staff come round before it is due; what they leave out is in the fates. They scan a tag at the bed or door.
"""

from collections.abc import Iterator
from datetime import time, timedelta
from random import Random
from typing import NamedTuple

from simulators.life import DAY_MS, HOUR_MS, MINUTE_MS, Span, at_local, days, local
from simulators.village.diary import BATH, BED, KITCHEN, OUT, ROOM
from simulators.village.fate import Fate
from simulators.village.limits import (
    ROUND_EVERY_MS,
    ROUNDS_FROM,
    ROUNDS_TO,
    TURN_EVERY_MS,
    visits_due,
)

_AT_HOME = frozenset((ROOM, KITCHEN))
_VISITED_FROM, _VISITED_TO = 9, 17
_TRIES = 60


class Deed(NamedTuple):
    """Somebody (`by`) did something for her; `what` is a metric, `proof` how it was noted."""

    at: int
    what: str
    by: str
    proof: str


class Staff:
    """All that was done for one resident."""

    def __init__(self, fate: Fate, seed: str, start_ms: int, end_ms: int, *, careless: bool) -> None:
        """`careless`: visits to those at home are forgotten now and then."""
        rng = Random(f"{seed}/staff/{fate.person.id}")  # noqa: S311 - the same seed, the same deeds
        self._fate, self._rng = fate, rng
        self._start, self._end = start_ms, end_ms
        self.assists: list[Span] = []
        """When somebody of the staff is in the room at night, helping her to the bathroom."""
        in_care = fate.person.dwelling == "care"
        deeds = list(self._help())
        if in_care:
            deeds += self._rounds()
            deeds += self._turns()
            self._assist()
        elif fate.person.visit_tier:
            deeds += self._calls(careless=careless)
        self.deeds = tuple(
            sorted(deed for deed in deeds if start_ms < deed.at < end_ms and not fate.away(deed.at))
        )
        self.check_ins = tuple(self._mornings())

    def done(self, what: str) -> list[int]:
        """When it was done."""
        return [deed.at for deed in self.deeds if deed.what == what]

    def came(self, start: int, end: int) -> bool:
        """Whether somebody came to her in a span."""
        return any(start <= at < end for at in self.done("visit"))

    def _who(self) -> str:
        return f"s-{self._rng.randrange(1, 9):02}"

    def _help(self) -> Iterator[Deed]:
        fate, rng = self._fate, self._rng
        for press in fate.presses:
            yield Deed(press.at + rng.randrange(120, 360) * 1000, "visit", self._who(), "nfc")
        for fall in fate.falls:
            if fall.helped:
                yield Deed(fall.up - 40_000, "visit", self._who(), "nfc")
        for _, back in fate.strays:
            yield Deed(back + 30_000, "visit", self._who(), "nfc")
        for _, found in fate.still:
            yield Deed(found + 60_000, "visit", self._who(), "gps")

    def _rounds(self) -> Iterator[Deed]:
        fate, rng = self._fate, self._rng
        every = ROUND_EVERY_MS[fate.person.care_level]
        for day in days(self._start, self._end):
            dusk = at_local(day, time(ROUNDS_FROM))
            for due in range(dusk + every, dusk + (ROUNDS_TO + 24 - ROUNDS_FROM) * HOUR_MS + 1, every):
                at = due - rng.randrange(120, 300) * 1000
                if not any(start <= due < end for start, end in fate.skipped_rounds):
                    yield Deed(at, "visit", self._who(), "nfc")

    def _turns(self) -> Iterator[Deed]:
        fate, rng = self._fate, self._rng
        every = TURN_EVERY_MS.get(fate.person.risk("pressure_ulcer"))
        if every is None:
            return
        at = self._start + rng.randrange(10 * MINUTE_MS, HOUR_MS)
        while at < self._end:
            if not any(start <= at < end for start, end in fate.skipped_turns):
                yield Deed(at, "turned", self._who(), "nfc")
            at += every - rng.randrange(5, 25) * MINUTE_MS
            back = next((gone.end for gone in fate.absences if gone.start <= at < gone.end), 0)
            at = max(at, back + 20 * MINUTE_MS) if back else at

    def _calls(self, *, careless: bool) -> Iterator[Deed]:
        """Visits of the community's workers (探访), some day before each is due, and after a change."""
        fate, rng = self._fate, self._rng
        changes = [gone.end for gone in fate.absences if gone.why == "hospital"]
        changes += [fall.up for fall in fate.falls if not fall.helped]
        for changed in changes:
            at = changed + rng.randrange(2 * HOUR_MS, 4 * HOUR_MS)
            if not _VISITED_FROM <= local(at).hour < _VISITED_TO:
                day = local(changed) + timedelta(days=local(changed).hour >= _VISITED_FROM)
                at = at_local(day, time(_VISITED_FROM)) + rng.randrange(HOUR_MS // 2)
            if not careless or rng.random() < 0.5:
                yield Deed(at, "visit", self._who(), "gps")
        opens = self._start
        for due in visits_due(self._start, self._end + DAY_MS * 92, fate.person.visit_tier):
            free = [
                at
                for _ in range(_TRIES)
                if fate.diary.at(at := rng.randrange(max(opens, due - 6 * DAY_MS), due)).where in _AT_HOME
                and _VISITED_FROM <= local(at).hour < _VISITED_TO
            ]
            if free and not (careless and rng.random() < 0.3):
                yield Deed(free[0], "visit", self._who(), "gps")
            opens = due

    def _assist(self) -> None:
        rng = self._rng
        for stay in self._fate.diary.stays:
            if stay.where == BATH and rng.random() < 0.06:
                before = self._fate.diary.at(stay.start - 1)
                if before.where == BED:
                    self.assists.append((stay.start - 60_000, stay.end + 60_000))

    def _mornings(self) -> Iterator[int]:
        """When she says "I am fine": after breakfast, unless she forgets, is away or lies on the floor."""
        fate, rng = self._fate, self._rng
        for day in days(self._start, self._end):
            midnight = at_local(day, time())
            at = midnight + int(rng.uniform(7.3, 9.1) * HOUR_MS)
            stay = fate.diary.at(at)
            if stay.where == OUT:
                at = stay.start - 4 * MINUTE_MS
            elif stay.where == "floor":
                at = stay.end + 5 * MINUTE_MS
            if self._start < at < self._end and midnight not in fate.silent_mornings and not fate.away(at):
                yield at
