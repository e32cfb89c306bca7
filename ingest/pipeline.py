"""From journalled messages to decisions and rows: each message once, urgent ones first.

Rule: every entry of the journal is processed exactly once and has one fate (observed, empty, duplicate,
quarantined), whatever it holds. Runs in the event loop, in slices, so that nothing waits for long.
"""

import asyncio
import sqlite3
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any

import structlog

from alerts.asking import ANSWERS, PRESENCE
from alerts.signals import SIGNALS
from devices.identity import is_repeat
from devices.message import Message
from devices.metrics import LIFE_SAFETY
from devices.observation import Observation, Quality
from devices.ourselves import SYNTHETIC_TOPIC
from devices.reading import Motion, Reason
from devices.registry import Registry
from devices.usability import USABLE
from ingest.checkpoint import Checkpoint, Progress
from ingest.clock import Clock
from ingest.early import Early
from ingest.facts import Fact, Facts
from ingest.feed import SLICE, Feed, Processed, as_processed
from ingest.felt import Felt
from ingest.interpret import Interpreted, goes_ahead, interpret
from ingest.journal import Entry, Journal
from ingest.metrics import Metrics
from ingest.succession import follow, successor
from rules.decision import Decision
from rules.engine import Engine
from rules.failure import Failure
from rules.kind import Rule, Subject
from rules.ruleset import RuleSet
from rules.snapshot import Changes, row
from rules.unreadable import unreadable

_SPOKEN = SIGNALS | ANSWERS | {PRESENCE}
log = structlog.get_logger()

TICK_S = 0.25
"""Real seconds between ticks; a deadline is noticed at most this late, and dated right."""

CHECKPOINT_S = 5.0
_STALLED_S = 5.0
_WENT_BACK_MS = 3_600_000  # more than any backlog, which urgent messages overtake
_SLICE_BYTES = 4096  # of payloads: what is long takes long to read
_FEW = 200  # memories that are taken over in a few ms
_TURNS = 20  # after which as many as changed meanwhile must do
_REPEAT_MS = 600_000  # how long bytes without key and time count as a repeat, when MQTT says DUP


Decide = Callable[[list[Decision], int], None]
Recorded = Callable[[], Awaitable[None]]


class Pipeline:
    """Interprets, drops repeats, asks the rules, keeps what the store has not taken yet.

    `decide` gets the decisions of each observation with its arrival time, or of a tick with its time (ms).
    `recorded` returns when all that `decide` was given is durable: no checkpoint may say before that its
    message is done with, or a crash between the two would lose the alert. `closed_at` says when an alert that
    a device had called was last resolved (ms, 0 never); `taught` is told what messages teach,
    `signalled` what is said to alerts (`alerts.signals`).
    """

    def __init__(
        self,
        *,
        journal: Journal,
        checkpoint: Checkpoint,
        engine: Engine,
        registry: Registry,
        site: str,
        clock: Clock,
        metrics: Metrics,
        decide: Decide,
        felt: Felt,
        recorded: Recorded | None = None,
        closed_at: Callable[[str], int] = lambda _: 0,
        taught: Callable[[list[Fact]], None] = lambda _: None,
        signalled: Callable[[Observation], None] = lambda _: None,
    ) -> None:
        self._journal, self._checkpoint, self._engine = journal, checkpoint, engine
        self._registry, self._site, self._clock = registry, site, clock
        self._metrics, self._decide, self._recorded = metrics, decide, recorded
        self._felt = felt
        self._early = Early()
        self._closed_at, self._taught, self._signalled = closed_at, taught, signalled
        self.facts = Facts(registry, checkpoint.facts())
        self.position = checkpoint.position
        self._ahead = set(checkpoint.ahead)
        self._rest: deque[Entry] = deque()
        self._work = asyncio.Event()
        self._seen: dict[int, int] = {}
        self._duplicates: list[tuple[int, int]] = []
        # what the next checkpoint adds: kept until one is written, also when a save is cancelled
        self._saving: dict[int, int] = {}
        self._saving_duplicates: list[tuple[int, int]] = []
        self._saving_memories: list[Changes] = []
        self._saving_facts: list[Fact] = []
        self._checkpointing = asyncio.Lock()
        self.saved = checkpoint.position
        self._latest = checkpoint.now
        self.last_received = 0  # our clock, ms
        self._last_work = asyncio.get_running_loop().time()
        self.feed = Feed(self)

    def catch_up(self) -> int:
        """Process what the journal holds beyond the last checkpoint; how many entries that was."""
        known = frozenset(self._ahead)
        self._calls_first()
        self._felt.warm(self._journal, self.position, known, self._motion)
        count = 0
        while entries := self._journal.read(self.position, 1000):
            for start in range(0, len(entries), SLICE):
                # What went ahead is done with, also once the position has come to it and passed.
                part = entries[start : start + SLICE]
                self._process([e for e in part if e.seq > self.position and e.seq not in self._ahead])
                self._felt.drain()
            self._reached(entries[-1].seq)
            count += len(entries)
        return count

    def _calls_first(self) -> None:
        """Nobody's call waits for what came before it, nor for acceleration to be looked at."""
        after = self.position
        while entries := self._journal.read(after, 1000):
            after = entries[-1].seq
            calls = [e for e in entries if goes_ahead(e.message, self.facts) and e.seq not in self._ahead]
            for start in range(0, len(calls), SLICE):
                self._process(calls[start : start + SLICE])

    def take(self, hurry: list[Entry], rest: list[Entry]) -> None:
        """Entries just made durable, in order; those in a `hurry` are processed before this returns."""
        for start in range(0, len(hurry), SLICE):
            self._process(hurry[start : start + SLICE])
        self._rest.extend(rest)
        if self._rest or self._felt.busy:
            self._work.set()

    def alarm(self, message: Message) -> None:
        """Decide on a call for help whose journal entry is long in coming; nothing else is done with it."""
        said = self.interpret(message)
        try:
            known = self._known([said])
        except sqlite3.Error:  # the disk again: a call told twice is better than none
            known = {}
        repeats = self._repeats(message, said, known | self._early.identities)
        self._early.identities |= {i: message.received_at for i in said.identities if i and i not in repeats}
        for observation, identity in zip(said.observations, said.identities, strict=True):
            if observation.metric in LIFE_SAFETY and identity not in repeats:
                self._early.decide(message, observation)
                if decisions := self._engine.observe(observation):
                    self._decide(decisions, message.received_at)

    def feel(self, message: Message) -> None:
        """Look for falls in what just arrived: it is not looked at again once it is durable."""
        read = self._early.feel(message, lambda: self.interpret(message))
        self._felt.take(read, message.received_at)
        self._work.set()

    def recall(self, observations: Sequence[Observation], now: int) -> None:
        """Decide on calls for help that were understood only now (ms, our clock)."""
        for observation in observations:
            if decisions := self._engine.recall(observation):
                self._decide(decisions, now)

    def interpret(self, message: Message) -> Interpreted:
        """What a message means by all that is known now."""
        return interpret(message, self._registry, self._site, self.facts)

    def failures(self) -> list[Failure]:
        """Which rules are disabled for whom, and why."""
        return self._engine.failures()

    def memories(self, kind: str) -> Iterator[tuple[Rule[Any], Subject, Any]]:
        """What the rules of a kind remember of whom."""
        return self._engine.memories(kind)

    def away(self) -> list[Subject]:
        """The residents who are away now."""
        return self._engine.away()

    @property
    def backlog(self) -> int:
        """Entries that wait to be processed."""
        return len(self._rest)

    def drain(self) -> None:
        """Process all that was taken (at shutdown)."""
        while self._rest:
            self._slice()
        self._felt.drain()

    async def told(self) -> None:
        """Return when the falls that were felt so far are in the journal."""
        await self._journal.transact(lambda _: None)  # it follows them there

    async def run(self) -> None:
        """Process, tick and checkpoint until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run_rest(), name="pipeline")
            tasks.create_task(self._run_ticks(), name="ticks")
            tasks.create_task(self._run_checkpoints(), name="checkpoints")

    async def replace(self, rules: RuleSet) -> None:
        """Let other rules decide from now on, with the memories of those before (R-61).

        They are made ready in a thread from the last checkpoint and what changed since, in a few turns, while
        the rules before go on deciding; what changed in the last turn follows as they take over.
        """
        async with self._checkpointing:
            await self._save()
            now = self._clock.now()
            engine, unused, adapted = await asyncio.to_thread(
                successor, rules, self._registry, self._checkpoint, now
            )
            for _ in range(_TURNS):
                changes = [self._changes()]
                if len(changes[0].memories) < _FEW:
                    break
                unused += await asyncio.to_thread(follow, engine, changes)
                changes = []
            # From here on nobody else runs until the others decide.
            unused += follow(engine, [*changes, self._changes()])
            engine.succeed(self._engine)
            retired, self._engine = self._engine, engine
            self._saving_memories = [adapted, *self._saving_memories]  # what changed since is newer
            await asyncio.to_thread(retired.retire)
            await self._save()
            await asyncio.to_thread(self._checkpoint.drop, unused)

    def _changes(self) -> Changes:
        """The memories that changed since they were last asked for; the next checkpoint has them too."""
        changes = self._engine.changed()
        self._saving_memories.append(changes)
        return changes

    async def save(self) -> None:
        """Write a checkpoint of now; tries again while the disk refuses."""
        async with self._checkpointing:
            await self._save()

    async def _save(self) -> None:
        self._saving.update(self._seen)
        self._saving_duplicates += self._duplicates
        self._changes()
        self._saving_facts += self.facts.changed()
        self._seen, self._duplicates = {}, []
        progress = Progress(
            self.position,
            sorted(self._ahead),
            [],
            list(self._saving.items()),
            list(self._saving_duplicates),
            self._clock.now(),
            list(self._saving_facts),
        )
        changes = list(self._saving_memories)
        await self._felt.caught_up()
        if self._recorded is not None:
            await self._recorded()
        await self.told()
        while True:
            try:
                await asyncio.to_thread(self._write, progress, changes)
            except sqlite3.Error as error:
                log.warning("checkpoint_refused", error=str(error))
                await asyncio.sleep(CHECKPOINT_S)
            else:
                break
        self.saved = progress.position
        self._early.saved()
        self._saving, self._saving_duplicates, self._saving_memories = {}, [], []
        self._saving_facts = []

    def _write(self, progress: Progress, changes: list[Changes]) -> None:
        """In a thread: thousands of memories as JSON are no work for the event loop."""
        self._checkpoint.save(
            progress._replace(memories=[row(one) for part in changes for one in part.rows()])
        )

    async def _run_rest(self) -> None:
        while True:
            await self._work.wait()
            while self._rest or self._felt.busy:
                if self._felt.busy:
                    self._felt.step()
                else:
                    self._slice()
                await asyncio.sleep(0)
            self._work.clear()

    async def _run_ticks(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = self._clock.now()
            stalled = asyncio.get_running_loop().time() - self._last_work > _STALLED_S
            if not self._rest or stalled:
                self.tick(now)

    async def _run_checkpoints(self) -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_S)
            await self.save()

    def tick(self, now: int) -> None:
        """Let time pass for the rules."""
        self._follow_clock(now)
        decisions = self._engine.tick(now)
        if decisions:
            self._decide(decisions, now)
        self._felt.tick(now)
        if self._felt.busy:
            self._work.set()

    def _follow_clock(self, now: int) -> None:
        """A clock of ours that was far ahead and is put right must leave no timer in that future."""
        if now < self._latest - _WENT_BACK_MS:
            log.warning("clock_went_back", by_s=(self._latest - now) // 1000)
            self._engine.begin_again(now)
            self._latest = now
        self._latest = max(self._latest, now)

    def _slice(self) -> None:
        """Process the next entries, and few that hold much: a call for help waits for this to end."""
        taken: list[Entry] = []
        size = 0
        while self._rest and len(taken) < SLICE and size < _SLICE_BYTES:
            taken.append(self._rest.popleft())
            size += len(taken[-1].message.payload)
        self._process(taken)

    def _process(self, entries: list[Entry]) -> None:
        self._last_work = asyncio.get_running_loop().time()
        if entries:
            self._follow_clock(entries[0].message.received_at)
        interpreted: list[Interpreted] = []
        turn = self.position + 1
        for entry in entries:
            interpreted.append(self._understand(entry, ahead=entry.seq > turn))
            turn = entry.seq + 1 if entry.seq == turn else turn
            while turn in self._ahead:
                turn += 1
        known = self._known(interpreted)
        fates = Counter(
            self._one(entry, said, known) for entry, said in zip(entries, interpreted, strict=True)
        )
        for fate, count in fates.items():
            self._metrics.fate.labels(fate).inc(count)
        if entries:
            self.last_received = max(self.last_received, entries[-1].message.received_at)

    def _understand(self, entry: Entry, *, ahead: bool) -> Interpreted:
        known = self.facts.before(entry.seq)  # entries about life are taken out of turn
        said = self._early.understood(
            entry.message, lambda: interpret(entry.message, self._registry, self._site, known)
        )
        if said.learned and (new := self.facts.learn(entry.seq, said.learned, ahead=ahead)):
            self._taught(new)
        return said

    def _motion(self, entry: Entry) -> Sequence[tuple[str, Motion]]:
        known = self.facts.before(entry.seq)
        return interpret(entry.message, self._registry, self._site, known).motion

    def _known(self, interpreted: Iterable[Interpreted]) -> dict[int, int]:
        """When each identity of a slice was seen before, if it was."""
        asked = {i for said in interpreted for i in (*said.identities, said.anonymous) if i}
        unknown = [i for i in asked if i not in self._seen and i not in self._saving]
        known = self._checkpoint.seen(unknown) if unknown else {}
        for recent in (self._saving, self._seen):
            known.update((i, recent[i]) for i in asked if i in recent)
        return known

    def _one(self, entry: Entry, said: Interpreted, known: dict[int, int]) -> str:
        """Process one entry; its fate."""
        seq, message = entry.seq, entry.message
        fresh = list(said.observations)
        if fresh:
            repeats = self._repeats(message, said, known)
            if repeats:
                fresh = [
                    o
                    for o, i in zip(fresh, said.identities, strict=True)
                    if (i or said.anonymous) not in repeats
                ]
                self._duplicates.extend((seq, identity) for identity in repeats)
            now = message.received_at
            decided = self._early.decided(message)
            for identity in (*said.identities, said.anonymous):
                if identity and identity not in repeats:
                    self._seen[identity] = known[identity] = now
            for observation in fresh:
                if observation.quality is not Quality.GOOD:
                    self._metrics.uncertain.labels(observation.quality).inc()
                if observation.late and observation.metric in LIFE_SAFETY:
                    self._metrics.too_late.inc()
                    log.warning("call_too_old", device=observation.device, metric=observation.metric)
                if observation not in decided and (decisions := self._engine.observe(observation)):
                    self._decide(decisions, now)
                if observation.metric in _SPOKEN:
                    self._signalled(observation)
        if said.motion:
            self._felt.take(lambda: said.motion, message.received_at)
        for device, rejected in said.unreadable:
            self._decide([unreadable(device, rejected, str(seq), message.received_at)], message.received_at)
        if said.rejected and message.topic.endswith("/event"):
            first = said.rejected[0]
            log.warning("event_rejected", device=first.device, reason=first.reason, detail=first.detail)
        for rejected in said.rejected:
            self._metrics.rejected.labels(rejected.reason).inc()
            if rejected.reason is Reason.BUG:
                log.error("decoder_failed", error=rejected.detail, seq=seq, topic=message.topic)
        if said.rejected and all(observation.metric == USABLE for observation in said.observations):
            fate = "quarantined"
        elif said.observations:
            fate = "duplicate" if not fresh else "empty" if message.topic == SYNTHETIC_TOPIC else "observed"
        else:
            fate = "empty"
        self._done(as_processed(seq, fresh, said, message))
        return fate

    def _repeats(self, message: Message, said: Interpreted, known: dict[int, int]) -> set[int]:
        now = message.received_at
        repeats = {
            identity
            for o, identity, good_for in zip(said.observations, said.identities, said.good_for, strict=True)
            if (seen := known.get(identity)) is not None
            and is_repeat(o, good_for, now - seen, closed_since=self._closed_at(o.device) >= seen)
        }
        if message.dup and said.anonymous in known:
            repeats |= {said.anonymous} if message.received_at - known[said.anonymous] < _REPEAT_MS else set()
        return repeats

    def _done(self, processed: Processed) -> None:
        if processed.seq == self.position + 1:
            self.position = processed.seq
            self._close_up()
        else:
            self._ahead.add(processed.seq)
        self.feed.put(processed)

    def _close_up(self) -> None:
        while self.position + 1 in self._ahead:
            self.position += 1
            self._ahead.discard(self.position)

    def _reached(self, seq: int) -> None:
        """All that the journal has up to `seq` is processed.

        Numbers it does not have were trimmed, which needs a checkpoint beyond them: that one is lost.
        """
        if seq > self.position:
            log.warning("checkpoint_behind_journal", position=self.position, reached=seq)
            self.position = seq
            self._ahead = {ahead for ahead in self._ahead if ahead > seq}
            self._close_up()

    def message(self, seq: int) -> Message | None:
        """The message of an entry while the journal has it; from any thread."""
        found = self._journal.read(seq - 1, 1)
        return found[0].message if found and found[0].seq == seq else None

    def again(self, after: int, limit: int) -> list[Processed]:
        """Processed entries once more from the journal, for a store that fell behind.

        The same observations as the first time: repeats stay dropped as they were judged then.
        """
        entries = [e for e in self._journal.read(after, limit) if e.seq <= self.position]
        if not entries:
            return []
        judged = self._checkpoint.duplicates(entries[0].seq, entries[-1].seq)
        judged.update(self._saving_duplicates, self._duplicates)
        found: list[Processed] = []
        for seq, message, _ in entries:
            said = interpret(message, self._registry, self._site, self.facts.before(seq))
            fresh = [
                o
                for o, i in zip(said.observations, said.identities, strict=True)
                if (seq, i or said.anonymous) not in judged
            ]
            found.append(as_processed(seq, fresh, said, message))
        return found
