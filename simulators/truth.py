"""What the service should notice in a run. Rule: it follows from incidents and rules, never from the service.

The rules are the service's default ones: `sos`, `fall`, `long-lie`, `bed-exit`, `daily-check-in`,
`night-round`, `unprotected`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import orjson

from simulators import home, zigbee2mqtt
from simulators.home import Person
from simulators.life import MINUTE_MS, Span
from simulators.publication import Publication
from simulators.timetable import (
    CHECK_IN_OVERDUE,
    IN_BED_BY_MS,
    IN_BED_UNTIL_MS,
    LIES_S,
    OUT_OF_BED_MS,
    ROUND_EVERY_MS,
    ROUND_GRACE,
    Timetable,
)

UNPROTECTED_AFTER_MS = 30_000
FELT_WITHIN_MS = 5000  # an impact is judged with 2.5 s after it
LIES_STILL_S = 10  # who is felt not to move is called for sooner


@dataclass(frozen=True, slots=True)
class Expected:
    """An alert that should be raised at `at_ms`, or up to `within_ms` of simulated time later.

    What real time the service takes, times the speed of the clock, comes on top. The first one of a rule and
    its subjects is an episode `opened`; a later one is `raised`: it calls somebody again, and whether it
    finds the first episode still open is up to the people on duty. One that is no `must` may be raised or
    not, up to `early_ms` before the time as well. `happened` says in words what it is about.
    """

    rule: str
    severity: str
    at_ms: int
    within_ms: int
    subjects: tuple[str, ...]
    event: str = "opened"
    must: bool = True
    early_ms: int = 0
    happened: str = ""

    def line(self) -> bytes:
        """The expectation as JSON: one subject as `subject`, more as `subjects`."""
        whose = {"subject": self.subjects[0]} if self.rule != "unprotected" else {"subjects": self.subjects}
        return orjson.dumps(
            {"event": self.event, "rule": self.rule, **whose, "severity": self.severity}
            | {"at": self.at_ms, "within_ms": self.within_ms}
        )


def expected(times: Timetable) -> list[Expected]:
    """Every alert that should be raised during the run, in time order."""
    found = [each for person in times.people for each in _of(times, person)]
    found += _unprotected(times)
    seen: set[tuple[str, tuple[str, ...]]] = set()
    told = []
    for each in sorted((each for each in found if each.at_ms < times.end_ms), key=lambda each: each.at_ms):
        again = (each.rule, each.subjects) in seen
        seen.add((each.rule, each.subjects))
        told.append(replace(each, event="raised") if again else each)
    return told


def _of(times: Timetable, person: Person) -> Iterator[Expected]:
    whose = (person.id,)
    for device, via in ((person.button, zigbee2mqtt.BRIDGE), (person.wearable, home.GATEWAY)):
        kind = "button" if device == person.button else "wearable"
        for at in times.presses(person, kind):
            if not (times.is_lost(via, at) or times.is_lost(device, at)):
                yield Expected("sos", "high", at, 1000, whose)
    for at in times.falls(person):
        if not (times.is_lost(home.GATEWAY, at) or times.is_lost(person.wearable, at)):
            felt = at in times.felt(person)
            yield Expected("fall", "high", at, FELT_WITHIN_MS if felt else 1000, whose)
            helped = min((came for came in times.helped(person) if came > at), default=times.end_ms)
            steps_s = (LIES_STILL_S, *LIES_S[1:]) if felt else LIES_S
            for lies in (at + seconds * 1000 for seconds in steps_s):
                if lies <= helped:
                    yield Expected("long-lie", "high", lies, 5000, whose)
    for at in _out_of_bed(times, person):
        yield Expected("bed-exit", "medium", at, MINUTE_MS, whose)
    if times.misses_check_in(person):
        for _, by in times.mornings():
            for minutes, severity in CHECK_IN_OVERDUE:
                yield Expected("daily-check-in", severity, by + minutes * MINUTE_MS, MINUTE_MS, whose)
    for at in _overdue(times, person):
        yield Expected("night-round", "medium", at, MINUTE_MS, whose)


def _out_of_bed(times: Timetable, person: Person) -> Iterator[int]:
    """When somebody has been out of bed for too long at night who had gone to bed."""
    in_bed = times.life(person).in_bed
    for (_, rises), (back, _) in zip(in_bed, [*in_bed[1:], (times.end_ms, 0)], strict=True):
        for dusk, _ in times.nights():
            due = max(rises, dusk) + OUT_OF_BED_MS
            if rises >= max(dusk - IN_BED_BY_MS, times.start_ms) and due < min(back, dusk + IN_BED_UNTIL_MS):
                yield due


def _overdue(times: Timetable, person: Person) -> Iterator[int]:
    every = ROUND_EVERY_MS[person.care_level]
    made = sorted(at for at in times.visits(person) if not times.is_lost(home.GATEWAY, at))
    for dusk, dawn in times.nights():
        yield from overdue(every, (max(dusk, times.start_ms), dawn), made)


def overdue(every: int, between: Span, made: Iterable[int]) -> Iterator[int]:
    """When a check is overdue: an interval after the last one, or after the beginning, and each one more.

    `made` is in order; what is due after the end of `between` is no matter.
    """
    begins, ends = between
    bases = [begins, *(at for at in made if begins < at < ends)]
    for base, following in zip(bases, [*bases[1:], ends + every], strict=True):
        for due in range(base + every, ends + 1, every):
            late = due + int(every * ROUND_GRACE)
            if following > late:
                yield late


def _unprotected(times: Timetable) -> Iterator[Expected]:
    """One for each moment at which somebody's last way to call for help is lost for too long."""
    silenced: defaultdict[int, list[str]] = defaultdict(list)
    for person in times.people:
        watch = _away(times, person.wearable, home.GATEWAY)
        button = _away(times, person.button, zigbee2mqtt.BRIDGE)
        for start, end in ((max(a[0], b[0]), min(a[1], b[1])) for a in watch for b in button):
            if end - start > UNPROTECTED_AFTER_MS:
                silenced[start].append(person.id)
    for start, people in sorted(silenced.items()):
        yield Expected("unprotected", "medium", start + UNPROTECTED_AFTER_MS, MINUTE_MS, tuple(people))


def _away(times: Timetable, device: str, via: str) -> list[Span]:
    """When a device cannot be heard, overlapping times joined."""
    joined: list[Span] = []
    for start, end in sorted((*times.lost.get(device, ()), *times.lost.get(via, ()))):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


@dataclass(slots=True)
class Tally:
    """Counts what was published, as observations that should follow from it."""

    published: int = 0
    wills: int = 0
    last_ms: int = 0
    observed: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    repeated: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, said: Publication) -> None:
        """Counts one publication."""
        self.published += not said.will
        self.wills += said.will
        self.last_ms = max(self.last_ms, said.at_ms)
        (self.repeated if said.repeat else self.observed)[said.device].update(said.metrics)

    def line(self, about: Mapping[str, str | int]) -> bytes:
        """The header of a truth file. `repeated` are observations that only say again what was said."""
        by_metric: Counter[str] = Counter()
        for counts in self.observed.values():
            by_metric.update(counts)
        return orjson.dumps(
            {
                **about,
                "published": self.published,
                "wills": self.wills,
                "by_metric": dict(sorted(by_metric.items())),
                "by_device": {device: dict(counts) for device, counts in sorted(self.observed.items())},
                "repeated": {device: dict(counts) for device, counts in sorted(self.repeated.items())},
            }
        )
