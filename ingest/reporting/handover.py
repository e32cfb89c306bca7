"""The handover of now, gathered from the desk, the rota and the rules. Rule: it needs no database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from alerts.duty import Duty
from alerts.reports.handover import AHEAD_MS, Due, Shift, begin_of, handover
from devices.registry import Registry
from ingest.clock import Clock
from ingest.desk import Desk
from ingest.pipeline import Pipeline
from ingest.reporting.periods import period
from rules.kinds import missed_check

_REACH_MS = 31 * 86_400_000  # an alert that was raised longer ago and resolved in this shift is not listed
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Handover:
    """Who has what a handover is made of. `duty` is the rota of now."""

    desk: Desk
    pipeline: Pipeline
    duty: Callable[[], Duty]
    registry: Registry
    clock: Clock

    async def made(self, since: str, place: str) -> dict[str, object] | str:
        """The handover of the shift that began then ("": by the rota), or what is wrong with the question."""
        now, registry, duty = self.clock.now(), self.registry, self.duty()
        if place and place not in registry.places:
            return f"there is no place {place} in the registry"
        if since:
            asked = period(since, "", registry.zone, now)
            if isinstance(asked, str):
                return asked
            begin = asked.since
        else:
            begin = begin_of(duty, now, [at.id for at in registry.above(place)])
        shift = Shift(
            since=begin,
            now=now,
            book=self.desk.book,
            past=self.desk.touched(begin, begin - _REACH_MS, _MOST),
            due=self._due(now),
            duty=duty,
            away=[subject.id for subject in self.pipeline.away()],
            registry=registry,
        )
        return handover(shift, place)

    def _due(self, now: int) -> Iterator[Due]:
        for rule, subject, memory in self.pipeline.memories(missed_check.KIND.name):
            for due, missed in missed_check.coming(rule, subject, memory, now, now + AHEAD_MS):
                yield Due(rule.id, rule.settings.name, subject.id, due, missed)
