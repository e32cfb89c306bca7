"""A scenario laid upon real dates: who does what when. Rule: world and truth both read it, neither guesses.

The rules that the truth expects are the service's default ones: daily check-in by 09:30, rounds between
21:00 and 07:00, in bed between 21:00 and 06:00.
"""

from collections.abc import Iterator
from datetime import time
from random import Random

from simulators import home, zigbee2mqtt
from simulators.home import Person
from simulators.life import HOUR_MS, MINUTE_MS, Life, Span, at_local, days
from simulators.scenario import (
    DeviceOffline,
    Fall,
    GatewayLost,
    MissedCheckIn,
    MissedVisit,
    OutOfBed,
    Scenario,
    Sos,
)

CHECK_IN_OPENS = time(5)
CHECK_IN_BY = time(9, 30)
CHECK_IN_GRACE_MS = 15 * MINUTE_MS
CHECK_IN_OVERDUE = ((15, "medium"), (30, "medium"), (60, "medium"))
LIES_S = (30, 180, 1800, 3600)
OUT_OF_BED_MS = 30 * MINUTE_MS
IN_BED_BY_MS = 2 * HOUR_MS
IN_BED_UNTIL_MS = 9 * HOUR_MS
ROUNDS_FROM = time(21)
ROUNDS_LAST_MS = 10 * HOUR_MS
ROUND_EVERY_MS = {"1": HOUR_MS, "2": 2 * HOUR_MS, "3": 3 * HOUR_MS}
ROUND_GRACE = 0.1
UP_BEFORE_FALL_MS = 3 * MINUTE_MS
UP_AFTER_FALL_MS = 25 * MINUTE_MS


class Timetable:
    """The facts of one run, in ms UTC. Every question has the same answer however often it is asked."""

    def __init__(self, scenario: Scenario, seed: int, start_ms: int) -> None:
        self.start_ms = start_ms
        self.end_ms = start_ms + scenario.duration
        self.people = tuple(home.residents(scenario.residents))
        self._seed = seed
        self._incidents = scenario.incident
        self.lost = self._outages()

    def rng(self, *whose: str) -> Random:
        """A source of chance that belongs to one purpose of one person or device."""
        return Random("/".join((str(self._seed), *whose)))  # noqa: S311 - the same seed must give the same run

    def is_lost(self, name: str, at_ms: int) -> bool:
        """Whether a gateway or a device cannot be heard."""
        return any(start <= at_ms < end for start, end in self.lost.get(name, ()))

    def presses(self, person: Person, device: str) -> list[int]:
        """When the person calls for help with the `button` or the `wearable`."""
        return [
            self.start_ms + each.at
            for each in self._incidents
            if isinstance(each, Sos) and each.who == person.id and each.device == device
        ]

    def falls(self, person: Person) -> list[int]:
        """When the person falls."""
        return [
            self.start_ms + each.at
            for each in self._incidents
            if isinstance(each, Fall) and each.who == person.id
        ]

    def felt(self, person: Person) -> list[int]:
        """Which of the falls nobody tells of: they are to be seen in the watch's acceleration."""
        return [
            self.start_ms + each.at
            for each in self._incidents
            if isinstance(each, Fall) and each.who == person.id and each.seen == "acceleration"
        ]

    def shaken(self, person: Person) -> list[Span]:
        """When a fall keeps the person out of bed."""
        return [(at - UP_BEFORE_FALL_MS, at + UP_AFTER_FALL_MS) for at in self.falls(person)]

    def out_of_bed(self, person: Person) -> list[Span]:
        """When the person is up in the night, for no reason that is told."""
        return [
            (self.start_ms + each.at, self.start_ms + each.at + each.lasts)
            for each in self._incidents
            if isinstance(each, OutOfBed) and each.who == person.id
        ]

    def life(self, person: Person) -> Life:
        """How the person lives during the run."""
        shaken = self.shaken(person)
        up = [*shaken, *self.out_of_bed(person)]
        return Life(f"{self._seed}/{person.id}", self.start_ms, self.end_ms, up, shaken)

    def helped(self, person: Person) -> list[int]:
        """When staff come to the person because of a call or a fall."""
        rng = self.rng(person.id, "helped")
        calls = (*self.presses(person, "button"), *self.presses(person, "wearable"), *self.falls(person))
        return [came for at in calls if self._runs(came := at + rng.randrange(120, 240) * 1000)]

    def check_ins(self, person: Person) -> list[int]:
        """When the person says "I am fine": every morning, on the first one after the start."""
        if self.misses_check_in(person):
            return []
        rng = self.rng(person.id, "check-in")
        found = []
        for opens, by in self.mornings():
            earliest = max(opens + HOUR_MS, self.start_ms + 15_000)
            latest = by - 2 * MINUTE_MS
            drawn = rng.random()
            if earliest < latest:
                found.append(earliest + int(drawn * (latest - earliest)))
        return found

    def misses_check_in(self, person: Person) -> bool:
        """Whether the person forgets it."""
        return any(isinstance(each, MissedCheckIn) and each.who == person.id for each in self._incidents)

    def mornings(self) -> Iterator[Span]:
        """The times for check-ins that end within the run, from opening to deadline."""
        for day in days(self.start_ms, self.end_ms):
            opens, by = at_local(day, CHECK_IN_OPENS), at_local(day, CHECK_IN_BY)
            if by > self.start_ms:
                yield opens, by

    def rounds(self, person: Person) -> Iterator[int]:
        """The visits made at night, in order: each a few minutes before it is due."""
        rng = self.rng(person.id, "rounds")
        every = ROUND_EVERY_MS[person.care_level]
        skipped = [
            (self.start_ms + each.at, self.start_ms + each.at + each.lasts)
            for each in self._incidents
            if isinstance(each, MissedVisit) and each.who == person.id
        ]
        for dusk, dawn in self.nights():
            for due in range(dusk + every, dawn + 1, every):
                at = due - rng.randrange(120, 300) * 1000
                if self._runs(at) and not any(start <= due < end for start, end in skipped):
                    yield at

    def visits(self, person: Person) -> list[int]:
        """Every time that staff come: on their rounds, and because of a call or a fall."""
        return sorted((*self.rounds(person), *self.helped(person)))

    def nights(self) -> Iterator[Span]:
        """The times for rounds that the run touches."""
        for day in days(self.start_ms, self.end_ms):
            dusk = at_local(day, ROUNDS_FROM)
            if dusk < self.end_ms and dusk + ROUNDS_LAST_MS > self.start_ms:
                yield dusk, dusk + ROUNDS_LAST_MS

    def _runs(self, at_ms: int) -> bool:
        return self.start_ms <= at_ms < self.end_ms

    def _outages(self) -> dict[str, list[Span]]:
        lost: dict[str, list[Span]] = {}
        people = {person.id: person for person in self.people}
        for each in self._incidents:
            match each:
                case GatewayLost(which="both"):
                    names: tuple[str, ...] = (home.GATEWAY, zigbee2mqtt.BRIDGE)
                case GatewayLost(which=which):
                    names = (which,)
                case DeviceOffline(who=who, device="button"):
                    names = (people[who].button,)
                case DeviceOffline(who=who):
                    names = (people[who].wearable,)
                case _:
                    continue
            for name in names:
                span = (self.start_ms + each.at, self.start_ms + each.at + each.lasts)
                lost.setdefault(name, []).append(span)
        return {name: sorted(spans) for name, spans in lost.items()}
