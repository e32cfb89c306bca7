"""The rules at work. Rule: live equals replay equals replay after a restart, whenever the clock is asked.

The engine keeps a table (rule, subject) -> memory, the timers and the routes; every decision is made by the
pure functions of a kind. Timers fire at their due time, in order of (due, rule, subject), before anything
received at that time or later; how often `tick` is called changes nothing, as long as none runs ahead of an
observation yet to come: `tick(now)` promises that all received before `now` has been given.

A timer is an entry in a heap that may be early. When it comes up, the memory says whether it is time: so a
deadline that moves away with every message (silence) costs no heap operation per message.

Kinds that take things in order live REORDER_MS behind: their observations wait in the window, their timers
come up as much later and are told the time at which they were due. A timer goes before what leaves then.

While the broker is not reached (`devices.ourselves`) nobody can be heard: timers of silence wait (of kinds
with `deaf` that do not hear the broker themselves), and that time is taken out of it when it is over.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from zlib import crc32

import orjson
from pydantic import TypeAdapter, ValidationError

from devices.observation import Observation, Quality
from devices.ourselves import BROKER
from devices.registry import Device, Registry
from rules.decision import Decision
from rules.failure import Failure, failed
from rules.kind import Memory, Rule, Step, Subject
from rules.reorder import Window
from rules.residents import residents
from rules.ruleset import RuleSet
from rules.situation import METRICS as OF_SITUATION
from rules.situation import Situation, follow
from rules.snapshot import HELD, OUTAGE, SITUATION, Changed, Changes, Row, row
from rules.watch import NEVER, NOT_YET, Roster, Table, Watch, wake_of

STRANGER = "device:"
"""How the subject of a device begins that is nobody's and nowhere."""

_BAD, _STALE = Quality.BAD, Quality.STALE
_DeviceKey = tuple[str, str]
_Given = Observation | int | tuple[int, int]


class Engine:
    """All rules over all subjects. Owned by one caller; not thread-safe."""

    def __init__(self, rules: RuleSet, registry: Registry, now: int) -> None:
        """Starts every rule for every resident at `now` (ms UTC). Then `restore`, if there is a snapshot."""
        self._now = now
        self._heap: list[tuple[int, str, str]] = []
        self._changed: dict[Watch, Memory | str | None] = {}  # see `Changes.memories`
        self._pending: list[Decision] = []  # made when there was no call to return them
        self._registry = registry
        self._window = Window()
        self._moved: set[str] = set()  # residents whose situation changed
        self._outage = 0  # since when the broker is not reached
        self._outage_said = False
        self._waiting: dict[Watch, None] = {}  # whose timers came up since
        self._tables = {one.id: Table(number, one, registry) for number, one in enumerate(rules)}
        self._blank: Roster = [None if table.early else NOT_YET for table in self._tables.values()]
        self._subjects = residents(registry)
        self._rosters = {subject: self._blank.copy() for subject in self._subjects}
        self._at_once: dict[str, list[Table]] = {}
        self._in_order: dict[str, list[Table]] = {metric: [] for metric in OF_SITUATION}
        self._hearers: dict[_DeviceKey, Sequence[Watch]] = dict.fromkeys(registry.devices, ())
        for table in self._tables.values():
            self._start(table)

    def observe(self, observation: Observation) -> list[Decision]:
        """What follows from one observation, after all that is due up to its arrival (`received_at`)."""
        at, metric, late = observation.received_at, observation.metric, observation.late
        heap, window = self._heap, self._window
        due = self._pending or window.next <= at or (heap and heap[0][0] <= at)
        decisions = self.tick(at) if due else []
        if tables := self._at_once.get(metric):
            self._give(tables, observation, at, decisions)
        if not late:
            self._hear(observation, at, decisions)
        if metric in self._in_order:
            window.hold(observation)
        if window.next <= at or (heap and heap[0][0] <= at):  # what comes late, what has no delay at all
            decisions += self.tick(at)
        return decisions

    def recall(self, observation: Observation) -> list[Decision]:
        """What follows for life-safety rules from a call of the past; it proves no device alive now."""
        decisions: list[Decision] = []
        at, roster, whom = observation.received_at, self._roster(observation), observation.resident
        for table in self._at_once.get(observation.metric, ()):
            if table.kind.life_safety and (watch := self._watch(table, roster, whom, observation, at)):
                self._run(watch, watch.kind.observe, observation, at, decisions)
        return decisions

    def tick(self, now: int) -> list[Decision]:
        """Fires every timer due up to `now`, each at its due time, and lets go what has waited enough."""
        heap, window = self._heap, self._window
        decisions, self._pending = self._pending, []
        while True:
            timer = heap[0][0] if heap else NEVER
            if min(timer, window.next) > now:
                return decisions
            if timer <= window.next:
                self._fire(*heapq.heappop(heap), decisions)
            else:
                self._release(decisions)

    def next_wake(self) -> int | None:
        """When `tick` may next have something to do, ms UTC; None: not before the next observation."""
        if self._pending:
            return self._now
        first = min(self._window.next, self._heap[0][0] if self._heap else NEVER)
        return None if first == NEVER else first

    def deaf(self, since: int, until: int) -> None:
        """Takes a time in which we could hear nobody (we, or the broker, were down) out of every silence."""
        for watch in self._watches():
            if watch.kind.deaf and not (self._outage and watch.waits):  # that one is told when it is over
                self._run(watch, watch.kind.deaf, (since, until), until, self._pending)

    @property
    def outage(self) -> int:
        """Since when the broker is not reached, ms UTC; 0 when it is."""
        return self._outage

    def begin_again(self, now: int) -> None:
        """Takes up `now` (ms UTC) when our own clock had been ahead of it, and has gone back.

        Nothing may sleep till a time that was never near, nor be believed because it is newer than all to
        come. What kinds remember is taken for as of now where they can (`rewinds`), else forgotten.
        """
        while self._window.next < NEVER:
            at, moment = self._window.release()
            for observation in moment:
                self._let_go(observation, at, self._pending)
        for resident, subject in list(self._subjects.items()):
            absence, since, staff, *times = subject.situation
            if max(since, *times) > now:
                self._moved.add(resident)
                dated = (min(at, now) for at in times)
                self._placed(resident, Situation(absence, min(since, now), staff, *dated))
        self._heap.clear()
        self._now = now
        self._outage, self._outage_said = min(self._outage, now), True
        for watch in self._watches():
            watch.armed = NEVER
            if not watch.kind.rewinds:
                watch.memory = None
                self._changed[watch] = watch.failure or None
            if watch.kind.lazy and watch.memory is None:
                self._forget(watch)
            else:
                self._begin(watch, now, self._pending)
                self._arm(watch)

    def changed(self) -> Changes:
        """The memories that changed since the last call, as they are now."""
        changed, self._changed = self._changed, {}
        moved, self._moved = self._moved, set()
        said, self._outage_said = self._outage_said, False
        rows: list[Changed] = [(OUTAGE, BROKER[1], 0, "", self._outage)] if said else []
        rows += [(SITUATION, resident, 0, "", self._subjects[resident].situation) for resident in moved]
        return Changes(rows, changed, self._window.changed())

    def dirty(self) -> list[Row]:
        """The memories that changed since the last call. The last row given of every key is a snapshot."""
        return [row(changed) for changed in self.changed().rows()]

    def restore(self, rows: Iterable[Row]) -> list[tuple[str, str]]:
        """Takes up a snapshot. Timers that came due meanwhile fire with the next call, each at its due time.

        Returns the keys of the rows it has no use for (the rule or the resident is gone, the row is not
        readable), which the caller may delete. Where the rules or the registry changed, a memory is adapted.
        May be called again before the first use: a later row takes the place of an earlier one of its key
        and of what followed from that.
        """
        rows = list(rows)
        superseded = {(rule, subject) for rule, subject, _ in rows}
        self._pending = [d for d in self._pending if (d.rule, d.subject) not in superseded]
        ordered = sorted(rows, key=lambda row: row[0] != SITUATION)  # where she is, before what it means
        return [(rule, subject) for rule, subject, row in ordered if not self._restored(rule, subject, row)]

    def away(self) -> list[Subject]:
        """The residents who are away now."""
        return [subject for subject in self._subjects.values() if subject.away]

    def succeed(self, before: "Engine") -> None:
        """Goes on where another engine over the same registry stops, once its memories are restored here.

        Takes over what waits in its reorder window, and what it has decided but not yet said.
        """
        self._window = before._window  # noqa: SLF001 -- one of us
        self._pending = before._pending + self._pending  # noqa: SLF001

    def retire(self) -> None:
        """Lets go of all it remembers, piece by piece, in any thread: at once it would hold up the others."""
        while self._hearers:
            self._hearers.popitem()
        while self._rosters:
            self._rosters.popitem()
        while self._heap:
            self._heap.pop()

    def memories(self, kind: str) -> Iterator[tuple[Rule[Any], Subject, Any]]:
        """What the rules of a kind remember of whom, for reports; not to be changed."""
        for watch in self._watches():
            if watch.kind.name == kind and watch.memory is not None and not watch.failure:
                yield watch.rule, watch.subject, watch.memory

    def failures(self) -> list[Failure]:
        """What is disabled, and why."""
        return [
            Failure(watch.rule.id, watch.subject.id, watch.failure)
            for watch in self._watches()
            if watch.failure
        ]

    def _start(self, table: Table) -> None:
        kind, metrics = table.kind, set[str]()
        if not table.early:
            metrics.update(*(kind.metrics(settings) for settings in table.application.every()))
        else:
            for subject in self._subjects.values():
                if (watch := table.watch(subject)) is None:
                    continue
                self._rosters[subject.id][table.number] = watch
                metrics |= kind.metrics(watch.rule.settings)
                for device in kind.hears(subject):
                    self._hear_from(device, watch)
                self._begin(watch, self._now, self._pending)
        by_metric = self._in_order if kind.ordered else self._at_once
        for metric in metrics:
            by_metric.setdefault(metric, []).append(table)

    def _begin(self, watch: Watch, now: int, decisions: list[Decision]) -> None:
        watch.basis = crc32(watch.kind.basis(watch.rule, watch.subject).encode())
        self._run(watch, watch.kind.start, now, now, decisions)

    def _hear_from(self, device: Device, watch: Watch) -> None:
        """Lets a watch hear a device and all that it is heard through."""
        key = (device.site, device.id)
        through = watch.subject.gateways.get(key, ())
        for heard in (key, *((gateway.site, gateway.id) for gateway in through), BROKER):
            hearers = self._hearers.get(heard)
            if not isinstance(hearers, list):
                self._hearers[heard] = [watch]
            elif watch is not hearers[-1]:
                hearers.append(watch)

    def _give(
        self, tables: list[Table], observation: Observation, at: int, decisions: list[Decision]
    ) -> None:
        """Gives an observation to the rules that want its metric, about whomever it is."""
        resident, quality = observation.resident, observation.quality
        plain = not observation.late and quality is not _STALE and quality is not _BAD
        roster = self._rosters.get(resident) or self._roster(observation)
        nobodys = not resident and bool(observation.place)
        for table in tables:
            kind = table.kind
            if not plain and not kind.takes(observation):
                continue
            watch = roster[table.number]
            if watch is NOT_YET:
                watch = self._watch(table, roster, resident, observation, at)
            if watch is not None:
                self._run(watch, kind.observe, observation, at, decisions)
            if nobodys and kind.shares:
                for dweller in self._registry.dwellers(observation.place):
                    watch = self._watch(table, self._rosters[dweller], dweller, observation, at)
                    if watch is not None:
                        self._run(watch, kind.observe, observation, at, decisions)

    def _hear(self, observation: Observation, at: int, decisions: list[Decision]) -> None:
        """Tells the rules that hear every message of a device that it spoke."""
        site, device = observation.site, observation.device
        hearers = self._hearers.get((site, device))
        if hearers is None:
            hearers = self._hearers.get(("", device), ())
        for watch in hearers:
            self._run(watch, watch.kind.observe, observation, at, decisions)
        if (site, device) == BROKER:
            self._follow(observation, at, decisions)

    def _follow(self, observation: Observation, at: int, decisions: list[Decision]) -> None:
        """Takes up that the broker is not reached, or is again: then all silence goes on from there."""
        if (observation.value is False) == bool(self._outage):
            return
        since, self._outage = self._outage, 0 if self._outage else at
        self._outage_said = True
        if not since:
            return
        waiting, self._waiting = self._waiting, {}
        for watch in self._watches():
            if watch.waits and watch.kind.deaf:
                self._run(watch, watch.kind.deaf, (since, at), at, decisions)
        for watch in waiting:
            self._arm(watch)

    def _release(self, decisions: list[Decision]) -> None:
        """Lets go what leaves the reorder window next; each after the timers that came up before it."""
        heap, leaves = self._heap, self._window.next
        at, moment = self._window.release()
        for observation in moment:
            while heap and heap[0][0] <= leaves:
                self._fire(*heapq.heappop(heap), decisions)
            self._let_go(observation, at, decisions)

    def _let_go(self, observation: Observation, at: int, decisions: list[Decision]) -> None:
        """Gives what left the reorder window to the kinds that take things in order."""
        metric = observation.metric
        if metric in OF_SITUATION and observation.quality not in {_STALE, _BAD}:
            resident, place = observation.resident, observation.place
            for whom in (resident,) if resident else self._registry.dwellers(place):
                self._situate(whom, observation, at, decisions)
        if tables := self._in_order.get(metric):  # None: held under other rules
            self._give(tables, observation, at, decisions)

    def _situate(self, resident: str, observation: Observation, at: int, decisions: list[Decision]) -> None:
        subject = self._subjects.get(resident)
        if subject is None:
            return
        situation = follow(subject.situation, observation)
        if situation is subject.situation:
            return
        moved = situation.since != subject.situation.since
        self._moved.add(resident)
        for watch in self._placed(resident, situation):
            if moved and watch.kind.moved:
                self._run(watch, watch.kind.moved, at, at, decisions)

    def _placed(self, resident: str, situation: Situation) -> list[Watch]:
        """Takes up a resident's situation; her watches."""
        subject = self._subjects[resident] = replace(self._subjects[resident], situation=situation)
        found = [watch for watch in self._rosters[resident] if isinstance(watch, Watch)]
        for watch in found:
            watch.subject = subject
        return found

    def _roster(self, observation: Observation) -> Roster:
        """The watches over whomever an observation is about: a resident, a place, or a device by itself."""
        roster = self._rosters.get(observation.resident)
        if roster is None:
            name = observation.place or f"{STRANGER}{observation.site}/{observation.device}"
            roster = self._rosters.get(name) or self._blank.copy()
            if observation.place:  # of strangers is no end: nothing is kept of those whom nobody watches
                self._rosters[name] = roster
        return roster

    def _watch(
        self, table: Table, roster: Roster, whom: str, observation: Observation, at: int
    ) -> Watch | None:
        """The watch over a resident, or else over the place or the device that an observation is about."""
        watch = roster[table.number]
        if watch is not NOT_YET:
            return watch
        subject, place = self._subjects.get(whom), observation.place
        name = place or f"{STRANGER}{observation.site}/{observation.device}"
        if table.kind.memory is None:
            return table.watch(subject or Subject(whom or name, place=place))
        subject = subject or self._subject(name, place)
        watch = roster[table.number] = table.watch(subject)
        if watch is not None:
            self._rosters[subject.id] = roster
            self._begin(watch, at, self._pending)
        return watch

    def _subject(self, name: str, place: str) -> Subject:
        return self._subjects.get(name) or Subject(name, place=place, zone=self._registry.timezone(place))

    def _forget(self, watch: Watch) -> None:
        """Lets a lazy kind begin anew with the next it is told of her."""
        self._rosters[watch.subject.id][self._tables[watch.rule.id].number] = NOT_YET

    def _fire(self, due: int, rule: str, subject: str, decisions: list[Decision]) -> None:
        watch = self._known(self._tables[rule], subject)
        if watch is None or watch.armed != due:
            return  # an earlier entry took its place
        watch.armed = NEVER
        if self._outage and watch.waits:
            self._waiting[watch] = None
            return
        wake, behind = wake_of(watch), watch.behind
        if wake is None:
            return
        if wake + behind != due:
            self._arm(watch)
            return
        self._run(watch, watch.kind.wake, wake, wake, decisions)
        if wake_of(watch) == wake and not watch.failure:
            self._failed(watch, "wakes at the same time again", wake, wake, decisions)

    def _run(
        self,
        watch: Watch,
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
        if made:
            decisions += made

    def _keep(self, watch: Watch, memory: Memory) -> None:
        watch.memory = self._changed[watch] = memory
        self._arm(watch)

    def _arm(self, watch: Watch) -> None:
        wake = wake_of(watch)
        if wake is not None and wake + watch.behind < watch.armed:
            watch.armed = wake + watch.behind
            heapq.heappush(self._heap, (watch.armed, watch.rule.id, watch.subject.id))

    def _failed(self, watch: Watch, error: str, given: _Given, at: int, decisions: list[Decision]) -> None:
        """Disables a rule that remembers; one that does not has its next chance with the next observation.

        So has one about life: it forgets what it knew of this subject and begins anew.
        """
        rule, subject = watch.rule.id, watch.subject.id
        if watch.kind.memory:
            watch.memory = None
            self._changed[watch] = None
            if watch.kind.life_safety and watch.kind.lazy:
                self._forget(watch)
            else:
                watch.failure = self._changed[watch] = error
        failure = Failure(rule, subject, error)
        decisions.append(failed(failure, given, at, life_safety=watch.kind.life_safety))

    def _restored(self, rule: str, subject: str, row: bytes) -> bool:
        try:
            basis, failure, written = orjson.loads(row)
            if rule == SITUATION:
                return subject in self._subjects and bool(self._placed(subject, Situation(*written)) or True)
            if rule == OUTAGE:
                self._outage = int(written)
                return True
            if rule == HELD:
                self._window.restore(_HELD_ONES.validate_python(written))
                return bool(written)
            table = self._tables.get(rule)
            watch = self._watch_of(table, subject) if table else None
            if table is None or watch is None:
                return False
            if written is None and not failure:  # begun anew after a failure: nothing is remembered
                if table.kind.lazy:
                    self._forget(watch)
                return False
            memory = None if failure else table.memories.validate_python(written)
        except (ValueError, TypeError, ValidationError):
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

    def _watch_of(self, table: Table, subject: str) -> Watch | None:
        """The watch over a subject of a snapshot, None where there is no such any more."""
        watch = self._known(table, subject)
        if watch is not None or not table.kind.lazy:
            return watch
        place = subject if subject in self._registry.places else ""
        if not place and subject not in self._subjects and not subject.startswith(STRANGER):
            return None
        watch = table.watch(self._subject(subject, place))
        if watch is not None:
            self._rosters.setdefault(subject, self._blank.copy())[table.number] = watch
            watch.basis = crc32(watch.kind.basis(watch.rule, watch.subject).encode())
        return watch

    def _known(self, table: Table, subject: str) -> Watch | None:
        """The watch over a subject, if there is one."""
        watch = self._rosters.get(subject, self._blank)[table.number]
        return watch if isinstance(watch, Watch) else None

    def _watches(self) -> Iterator[Watch]:
        for number in range(len(self._tables)):
            for roster in list(self._rosters.values()):
                if isinstance(watch := roster[number], Watch):
                    yield watch


_HELD_ONES = TypeAdapter(tuple[Observation, ...])
