"""The rules at work. Rule: live equals replay equals replay after a restart, whenever the clock is asked.

The engine keeps a table (rule, subject) -> memory, the timers and the routes; every decision is made by the
pure functions of a kind. Timers fire at their due time, in order of (due, rule, subject), before anything
received at that time or later; how often `tick` is called changes nothing, as long as none runs ahead of an
observation yet to come: `tick(now)` promises that all received before `now` has been given.

A timer is an entry in a heap that may be early. When it comes up, the memory says whether it is time: so a
deadline that moves away with every message (silence) costs no heap operation per message.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import orjson
from pydantic import TypeAdapter, ValidationError

from devices.observation import Observation, Quality
from devices.registry import Device, Registry
from rules.decision import TECHNICAL, Change, Decision, Evidence, Severity
from rules.kind import Kind, Memory, Rule, Step, Subject, evidence_key
from rules.ruleset import Application, Definition, RuleSet

_NEVER = 1 << 62
_BAD, _STALE = Quality.BAD, Quality.STALE
_DeviceKey = tuple[str, str]
_Given = Observation | int | tuple[int, int]

Row = tuple[str, str, bytes]
"""(rule id, subject, memory as JSON): what a snapshot keeps."""


Changed = tuple[str, str, int, str, Memory | None]
"""(rule id, subject, basis, failure, memory): values that do not change any more, for any thread to write."""


def row(changed: Changed) -> Row:
    """A changed memory as a row of a snapshot."""
    rule, subject, *state = changed
    return rule, subject, orjson.dumps(state, default=tuple)


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that raised for a subject, and is disabled for it. `error` is the exception's type."""

    rule: str
    subject: str
    error: str


class _Watch:
    """One rule watching one subject."""

    __slots__ = ("armed", "basis", "failure", "kind", "memory", "rule", "subject")

    def __init__(self, kind: Kind[Any, Any], rule: Rule[Any], subject: Subject) -> None:
        self.kind = kind
        self.rule = rule
        self.subject = subject
        self.memory: Any = None
        self.armed = _NEVER  # when its entry in the heap comes up
        self.basis = 0
        self.failure = ""


class _Table:
    """One definition, and its watches by subject. A kind without memory watches everybody and keeps none."""

    __slots__ = ("application", "kind", "memories", "watches")

    def __init__(self, definition: Definition, registry: Registry) -> None:
        self.kind = definition.kind
        self.application = Application(definition, registry)
        self.watches: dict[str, _Watch] = {}
        self.memories: TypeAdapter[Any] = TypeAdapter(definition.kind.memory or type(None))

    def watch(self, subject: Subject) -> _Watch | None:
        """A new watch of this subject, None where the rule is not enabled or not about such a subject."""
        if not self.kind.watches(subject):
            return None
        rule = self.application.to(subject)
        return _Watch(self.kind, rule, subject) if rule else None


class Engine:
    """All rules over all subjects. Owned by one caller; not thread-safe."""

    def __init__(self, rules: RuleSet, registry: Registry, now: int) -> None:
        """Starts every rule for every resident at `now` (ms UTC). Then `restore`, if there is a snapshot."""
        self._now = now
        self._heap: list[tuple[int, str, str]] = []
        self._changed: dict[_Watch, None] = {}
        self._pending: list[Decision] = []  # made when there was no call to return them
        self._tables = {definition.id: _Table(definition, registry) for definition in rules}
        self._subjects = _residents(registry)
        self._by_metric: dict[str, list[_Table]] = {}
        self._by_device: dict[_DeviceKey, tuple[_Watch, ...]] = dict.fromkeys(registry.devices, ())
        self._by_gateway: dict[_DeviceKey, list[_Watch]] = {}
        for table in self._tables.values():
            self._start(table, registry)

    def observe(self, observation: Observation) -> list[Decision]:
        """What follows from one observation, after all timers due up to its arrival (`received_at`)."""
        at, metric, late = observation.received_at, observation.metric, observation.late
        heap = self._heap
        decisions = self.tick(at) if self._pending or (heap and heap[0][0] <= at) else []
        for table in self._by_metric.get(metric, ()):
            if not late or table.kind.takes_late:
                watch = self._watch(table, observation)
                if watch is not None:
                    self._run(watch, watch.kind.observe, observation, at, decisions)
        if not late:
            key = (observation.site, observation.device)
            watches = self._by_device.get(key)
            if watches is None:
                key = ("", observation.device)
                watches = self._by_device.get(key)
            for watch in watches or ():
                self._run(watch, watch.kind.observe, observation, at, decisions)
            if metric == "online":
                for watch in self._by_gateway.get(key, ()):
                    self._run(watch, watch.kind.observe, observation, at, decisions)
        if heap and heap[0][0] <= at:  # what has no delay at all
            decisions += self.tick(at)
        return decisions

    def recall(self, observation: Observation) -> list[Decision]:
        """What follows for life-safety rules from a call of the past; it proves no device alive now."""
        decisions: list[Decision] = []
        for table in self._by_metric.get(observation.metric, ()):
            if table.kind.life_safety and (watch := self._watch(table, observation)) is not None:
                self._run(watch, watch.kind.observe, observation, observation.received_at, decisions)
        return decisions

    def tick(self, now: int) -> list[Decision]:
        """Fires every timer due up to `now`, each at its due time."""
        heap = self._heap
        decisions, self._pending = self._pending, []
        while heap and heap[0][0] <= now:
            due, rule, subject = heapq.heappop(heap)
            watch = self._tables[rule].watches[subject]
            if watch.armed != due:
                continue  # an earlier entry took its place
            watch.armed = _NEVER
            wake = _wake_of(watch)
            if wake == due:
                self._run(watch, watch.kind.wake, due, due, decisions)
                if _wake_of(watch) == due:
                    self._failed(watch, "wakes at the same time again", due, due, decisions)
            elif wake is not None:
                self._arm(watch)
        return decisions

    def next_wake(self) -> int | None:
        """When `tick` may next have something to do, ms UTC; None: not before the next observation."""
        if self._pending:
            return self._now
        return self._heap[0][0] if self._heap else None

    def deaf(self, since: int, until: int) -> None:
        """Takes a time in which we could hear nobody (we, or the broker, were down) out of every silence."""
        for watch in self._watches():
            if watch.kind.deaf:
                self._run(watch, watch.kind.deaf, (since, until), until, self._pending)

    def changed(self) -> list[Changed]:
        """The memories that changed since the last call, as they are now; quick, `row` does the work."""
        changed, self._changed = self._changed, {}
        return [
            (watch.rule.id, watch.subject.id, watch.basis, watch.failure, watch.memory) for watch in changed
        ]

    def dirty(self) -> list[Row]:
        """The memories that changed since the last call. The last row given of every key is a snapshot."""
        return [row(changed) for changed in self.changed()]

    def restore(self, rows: Iterable[Row]) -> list[tuple[str, str]]:
        """Takes up a snapshot. Timers that came due meanwhile fire with the next call, each at its due time.

        Returns the keys of the rows it has no use for (the rule or the resident is gone, the row is not
        readable), which the caller may delete. Where the rules or the registry changed, a memory is adapted.
        """
        return [(rule, subject) for rule, subject, row in rows if not self._restored(rule, subject, row)]

    def failures(self) -> list[Failure]:
        """What is disabled, and why."""
        return [
            Failure(watch.rule.id, watch.subject.id, watch.failure)
            for watch in self._watches()
            if watch.failure
        ]

    def _start(self, table: _Table, registry: Registry) -> None:
        kind = table.kind
        metrics: set[str] = set()
        if kind.memory is None:
            metrics |= kind.metrics(table.application.settings)
        else:
            for subject in self._subjects.values():
                watch = table.watch(subject)
                if watch is None:
                    continue
                table.watches[subject.id] = watch
                metrics |= kind.metrics(watch.rule.settings)
                for device in kind.hears(subject):
                    self._hear_from(device, watch, registry)
                watch.basis = crc32(kind.basis(watch.rule, subject).encode())
                self._run(watch, kind.start, self._now, self._now, self._pending)
        for metric in metrics:
            self._by_metric.setdefault(metric, []).append(table)

    def _hear_from(self, device: Device, watch: _Watch, registry: Registry) -> None:
        self._by_device[device.site, device.id] += (watch,)
        if device.gateway:
            found = registry.device(device.site, device.gateway)
            key = (found.site if found else device.site, device.gateway)
            self._by_device.setdefault(key, ())
            behind = self._by_gateway.setdefault(key, [])
            if watch not in behind[-1:]:
                behind.append(watch)

    def _watch(self, table: _Table, observation: Observation) -> _Watch | None:
        kind, quality = table.kind, observation.quality
        if quality is _STALE or (quality is _BAD and not kind.life_safety):
            return None  # not current
        resident, place = observation.resident, observation.place
        if kind.memory:
            return table.watches.get(resident)
        subject = self._subjects.get(resident)
        if subject is None:
            device = f"device:{observation.site}/{observation.device}"
            subject = Subject(resident or place or device, place=place)
        return table.watch(subject)

    def _run(
        self,
        watch: _Watch,
        act: Callable[..., Step[Any]],
        given: _Given,
        at: int,
        decisions: list[Decision],
    ) -> None:
        """Lets a kind act on what is given. The per-rule guard: what a rule raises ends here."""
        if watch.failure:
            return
        try:
            memory, made = act(watch.rule, watch.subject, watch.memory, given)
        except Exception as error:  # noqa: BLE001 -- one broken rule must not stop the others
            self._failed(watch, type(error).__name__, given, at, decisions)
            return
        if memory is not watch.memory:
            self._keep(watch, memory)
        decisions += made

    def _keep(self, watch: _Watch, memory: Memory) -> None:
        watch.memory = memory
        self._changed[watch] = None
        self._arm(watch)

    def _arm(self, watch: _Watch) -> None:
        wake = _wake_of(watch)
        if wake is not None and wake < watch.armed:
            watch.armed = wake
            heapq.heappush(self._heap, (wake, watch.rule.id, watch.subject.id))

    def _failed(self, watch: _Watch, error: str, given: _Given, at: int, decisions: list[Decision]) -> None:
        """Disables a rule that remembers; one that does not has its next chance with the next observation."""
        rule, subject = watch.rule.id, watch.subject.id
        if watch.kind.memory:
            watch.failure = error
            watch.memory = None
            self._changed[watch] = None
        during = evidence_key(given) if isinstance(given, Observation) else str(given)
        decisions.append(
            Decision(
                change=Change.RAISE,
                rule=TECHNICAL,
                kind=TECHNICAL,
                subject=subject,
                cause=f"rule:{rule}",
                severity=Severity.HIGH if watch.kind.life_safety else Severity.MEDIUM,
                at=at,
                evidence=Evidence(f"{TECHNICAL}|{rule}|{subject}|{during}", TECHNICAL, "", at, at),
                facts={"rule": rule, "error": error},
            )
        )

    def _restored(self, rule: str, subject: str, row: bytes) -> bool:
        table = self._tables.get(rule)
        watch = table.watches.get(subject) if table else None
        if table is None or watch is None:
            return False
        try:
            basis, failure, written = orjson.loads(row)
            memory = None if failure else table.memories.validate_python(written)
        except (ValueError, ValidationError):
            return False
        if basis == watch.basis:
            watch.failure = failure
            watch.memory = memory
            self._changed.pop(watch, None)
            self._arm(watch)
        elif memory is not None:
            watch.memory = memory
            self._run(watch, watch.kind.start, self._now, self._now, self._pending)
        return True

    def _watches(self) -> Iterator[_Watch]:
        for table in self._tables.values():
            yield from table.watches.values()


def _wake_of(watch: _Watch) -> int | None:
    wake: int | None = None if watch.memory is None else watch.memory.wake
    return wake


def _residents(registry: Registry) -> dict[str, Subject]:
    lines: dict[str, list[Device]] = {}
    for device in registry.devices.values():
        if device.resident and device.calls:
            lines.setdefault(device.resident, []).append(device)
    return {
        resident.id: Subject(
            id=resident.id,
            resident=resident,
            place=resident.place,
            zone=registry.timezone(resident.place),
            lines=tuple(lines.get(resident.id, ())),
        )
        for resident in registry.residents.values()
    }
