"""The alert desk: decisions become episodes and notifications, recorded before anybody is told.

Rule: an event is in the journal's database, with what is to be sent of it, before it is shown or sent.
Deciding the same thing again (a replay after a crash) changes nothing: identities derive from the evidence.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace

import structlog

from alerts.acts import (
    Maintenance,
    Refusal,
    Refused,
    Shelving,
    acknowledge,
    arrive,
    end_suspension,
    resolve,
    shelve,
    take_out_of_service,
)
from alerts.asking import answered, cut_off
from alerts.book import REMEMBER_MS, Book
from alerts.decide import decide, follow, identify
from alerts.drill import Drill, drill
from alerts.episode import Episode
from alerts.escalate import Policy, advance
from alerts.event import (
    Address,
    Event,
    EvidenceAdded,
    MessageDelivered,
    MessageFailed,
    Opened,
    QuietEvent,
    Released,
    State,
    Suppressed,
    SuspensionBegun,
    SuspensionEnded,
    Told,
    Weight,
)
from alerts.ladder import Ladder
from alerts.notification import notify
from alerts.signals import done, signals
from alerts.synthetic import CHANNEL
from alerts.synthetic import SUBJECT as SYNTHETIC
from alerts.where import site_of
from devices.observation import Observation
from devices.registry import Registry
from ingest.clock import Clock
from ingest.desk_records import Record, Records
from ingest.downlink import Downlink
from ingest.journal import SqliteJournal
from ingest.metrics import Metrics
from ingest.outbox import Outbox
from ingest.outcomes import Outcomes
from ingest.synthetic import Way
from rules.decision import Decision
from rules.ruleset import RuleSet

log = structlog.get_logger()

_FORGET_EVERY = 1000  # events between two looks at what may be forgotten
_MOMENT_MS = 1000
_TICK_S = 1.0  # real seconds between two looks at what follows by itself


class Desk:
    """Open episodes in memory, all of them in the journal's database; one per service."""

    def __init__(
        self,
        journal: SqliteJournal,
        outbox: Outbox,
        registry: Registry,
        site: str,
        clock: Clock,
        metrics: Metrics,
        rules: RuleSet | None = None,
        policy: Policy | None = None,
        downlink: Downlink | None = None,
        synthetic: Way | None = None,
    ) -> None:
        self._journal, self._outbox, self._registry = journal, outbox, registry
        self.policy = policy or Policy(registry)
        self._site, self._clock, self._metrics = site, clock, metrics
        self.synthetic = synthetic or Way()
        self._downlink = downlink
        self._can_ask: Callable[[str], bool] = downlink.can_ask if downlink else lambda _: False
        if downlink is not None:
            downlink.unasked = self.unasked
        self.follow_rules(rules or RuleSet())
        self._records = Records(journal, outbox, metrics, self._recorded, self._unrecorded)
        self._log = self._records.log
        self._outcomes = Outcomes(journal, metrics)
        self._since_forgetting = 0
        self._suspended_at = -1
        self.book = Book.of(self._log.remembered(clock.now()))
        self._count()

    def follow_rules(self, rules: RuleSet) -> None:
        """Know the rules that decide from now on: what a shelf may be asked for."""
        self._kinds = {definition.id: definition.kind for definition in rules}

    def follow_ladders(self, ladders: tuple[Ladder, ...]) -> None:
        """Call by these from the next step on."""
        self.policy = replace(self.policy, ladders=ladders)

    @property
    def registry(self) -> Registry:
        """Who lives where."""
        return self._registry

    def decide(self, decisions: list[Decision], now: int, received: float | None = None) -> None:
        """Take decisions of the rules. `received` is the loop time at which their message arrived.

        What they add at one moment to one alert is told once (forty people behind one gateway), except about
        somebody's life, where every call is its own.
        """
        self._outcomes.take(decisions)
        last: dict[str, Record] = {}
        touched: dict[str, None] = {}
        for decision in decisions:
            if decision.subject == SYNTHETIC:
                self._rehearse(decision, now)
                continue
            site = site_of(self._registry, decision.subject) or self._site
            self._follow(now, site)
            askable = (
                bool(decision.ask_ms)
                and self._can_ask(decision.subject)
                and not cut_off(self.book, decision.subject)
            )
            for event in decide(self.book, decision, now, site, askable=askable):
                record = self._take(event, received)
                if isinstance(event, Suppressed):
                    self._metrics.suppressed.labels(event.rule, event.why).inc()
                if record.episode is None:
                    continue
                touched[record.episode.id] = None
                before = last.get(record.episode.id)
                if before is not None and _same(before, record):
                    record.notification = None  # the one before tells of the alert as it is when it is sent
                elif record.notification is not None:
                    last[record.episode.id] = record
            self._follow(now, site)
        for episode in touched:
            self._advance(episode, self._clock.now(), received)

    def _rehearse(self, decision: Decision, now: int) -> None:
        """A test call goes on among all others, and is in no book (`alerts.synthetic`)."""
        if made := self.synthetic.decided(decision, now):
            self._records.put(Record(*made, received=None, rehearsal=True))

    def _advance(self, episode: str, now: int, received: float | None = None) -> None:
        """Take what is due for an alert: the steps of its ladder, a lapse, the end of asking."""
        while (found := self.book.get(episode)) and (event := advance(found, self.policy, now)):
            self._take(event, received)

    def _follow(self, now: int, site: str | None = None) -> None:
        """Take what follows by itself: a suspension ends, a flood begins or is over."""
        while events := follow(self.book, now, site):
            for event in events:
                self._take(event, None)

    async def acknowledge(
        self, episode: str, by: str, note: str = "", source: str = "api", seen: int | None = None
    ) -> Episode | Refused:
        """A named person takes charge; returns when that is durable."""
        return await self._act(
            episode, acknowledge(self.book, episode, by, self._clock.now(), source, note=note, seen=seen)
        )

    async def arrive(
        self, episode: str, by: str, note: str = "", source: str = "api", seen: int | None = None
    ) -> Episode | Refused:
        """A named person is with the resident; returns when that is durable."""
        return await self._act(
            episode, arrive(self.book, episode, by, self._clock.now(), source, note=note, seen=seen)
        )

    def signalled(self, observation: Observation) -> None:
        """Take what a device says to alerts, or that it is away; durable like any event."""
        now = self._clock.now()
        if self._downlink is not None:
            self._downlink.heard(observation, self.book)
        for signal in list(signals(self.book, self._registry, observation)):
            needs_presence = self.policy.close_needs_presence
            followed = done(self.book, signal, now, needs_presence=needs_presence)
            if isinstance(followed, Refused):
                log.info("signal_refused", source=signal.source, alert=signal.alert, why=followed.why)
                self._metrics.signals_refused.labels(followed.why).inc()
                continue
            for event in followed:
                self._take(event, None)
        for event in answered(self.book, self._registry, observation, now):
            self._take(event, None)

    def unasked(self, episode: str) -> None:
        """The resident could not be asked: people are called."""
        found = self.book.get(episode)
        if found is not None and found.state is State.ASKING:
            now = self._clock.now()
            self._take(Released(found.id, found.number + 1, now, ""), None)
            self._advance(found.id, now)

    def receipt(self, notification: str, channel: str, to: str, *, delivered: bool, why: str = "") -> None:
        """What became of a message: its receiver has it, or will not get it.

        Of those who are told of everything only the first receipt of a round of calling is kept.
        """
        if channel == CHANNEL:
            self.synthetic.receipt(notification)
        found = self.book.get(notification.rpartition("-")[0])
        if found is None or found.call is None:
            return
        one, number, now = Address(to, channel), found.number + 1, self._clock.now()
        awaited = one in found.call.waiting or (delivered and one in found.call.refused)
        if not awaited and (not delivered or found.told is Told.DELIVERED):
            return
        if delivered:
            self._take(MessageDelivered(found.id, number, now, notification, to, channel), None)
        else:
            self._take(MessageFailed(found.id, number, now, notification, to, channel, why), None)
            self._advance(found.id, now)

    async def resolve(
        self,
        episode: str,
        by: str,
        outcome: str,
        note: str = "",
        source: str = "api",
        seen: int | None = None,
        voice_contact: str = "",
    ) -> Episode | Refused:
        """A named person closes the episode with an outcome; returns when that is durable."""
        followed = resolve(
            self.book,
            episode,
            by,
            outcome,
            note,
            self._clock.now(),
            source,
            seen=seen,
            voice_contact=voice_contact,
            needs_presence=self.policy.close_needs_presence,
        )
        return await self._act(episode, followed)

    def drills(self, limit: int) -> list[Episode]:
        """The last drills, newest first."""
        return self._log.drills(limit)

    async def drill(self, asked: Drill) -> Episode | Refused:
        """Begin a drill; returns when that is durable."""
        now = self._clock.now()
        decision = drill(self.book, self._registry, asked, now)
        if isinstance(decision, Refused):
            return decision
        events = decide(self.book, decision, now, site_of(self._registry, asked.subject) or self._site)
        return await self._act(identify(decision), events)

    async def shelve(self, asked: Shelving, source: str = "api") -> SuspensionBegun | Refused:
        """A named person shelves alerts of a rule about somebody, for a while; durable when it returns."""
        kind = self._kinds.get(asked.rule)
        return await self._suspended(shelve(self.book, asked, kind, self._registry, self._moment(), source))

    async def take_out_of_service(self, asked: Maintenance, source: str = "api") -> SuspensionBegun | Refused:
        """A named person takes a device out of service for a while; durable when it returns."""
        device = self._registry.device(asked.site, asked.device)
        if device is None:
            return Refused(Refusal.UNKNOWN_DEVICE, "no such device is registered at that site")
        site = site_of(self._registry, device.resident or device.place) or device.site
        found = take_out_of_service(self.book, replace(asked, site=site), self._moment(), source)
        return await self._suspended(found)

    def _moment(self) -> int:
        """Now (ms), as no suspension before: of two in one moment the second takes the place of the first."""
        now = self._clock.now()
        self._suspended_at = self._suspended_at + 1 if 0 <= self._suspended_at - now < _MOMENT_MS else now
        return self._suspended_at

    async def end_suspension(self, suspension: str, by: str, source: str = "api") -> Refused | None:
        """A named person ends a suspension before its time; durable when it returns."""
        followed = end_suspension(self.book, suspension, by, self._clock.now(), source)
        if isinstance(followed, Refused):
            return followed
        await self._taken(followed)
        return None

    def urgent(self, limit: int, state: State | None = None) -> list[Episode]:
        """What is not resolved, of one state or all, the most urgent first (R-47)."""
        return self.book.urgent(limit, state)

    def stale(self) -> list[Episode]:
        """What is not resolved and holds for more than 24 h, the oldest first (R-50)."""
        return self.book.stale(self._clock.now())

    def episodes(
        self, state: State | None, limit: int, before: tuple[int, str] | None = None
    ) -> list[Episode]:
        """Episodes of one state or all, newest first by (raised_at, id); `before` is where a page ended."""
        return self._log.episodes(state, limit, before)

    def touched(self, since: int, reach: int, limit: int) -> list[Episode]:
        """Episodes raised or resolved since a time, of those raised since `reach` (ms); newest first."""
        return self._log.touched(since, reach, limit)

    def get(self, episode: str) -> Episode | None:
        """One episode, however old."""
        return self.book.get(episode) or self._log.get(episode)

    def told_of(self, episode: str) -> Episode | None:
        """One episode that something is to be told of: a test call's, too."""
        return self.synthetic.episode(episode) or self.get(episode)

    def history(self, episode: str) -> list[Event]:
        """Everything that happened to an episode, in order."""
        return self._log.history(episode)

    def subscribe(self, after: int | None = None) -> AsyncGenerator[tuple[int, Event], None]:
        """Every event from now on with its number, or every one after `after`. A slow reader's ends."""
        return self._records.watchers.subscribe(after)

    async def run(self) -> None:
        """Record what was decided, then tell, and let time pass; until cancelled."""
        if self._downlink is not None:
            self._downlink.ask_again(self.book)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._records.run(), name="alert-records")
            tasks.create_task(self._run_ticks(), name="alert-ticks")
            tasks.create_task(self._outcomes.run(), name="outcomes")

    async def _run_ticks(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self.tick(self._clock.now())

    def tick(self, now: int) -> None:
        """Let time pass: suspensions end, floods are over, alerts become stale."""
        self._follow(now)
        for episode in self.book.unresolved():
            self._advance(episode.id, now)
        self._count()

    def close(self) -> None:
        """End every subscription."""
        self._records.watchers.close()

    async def settled(self) -> None:
        """Wait until everything decided so far is recorded."""
        await self._records.settled()
        await self._outcomes.settled()

    def _take(self, event: Event, received: float | None) -> Record:
        episode = notification = None
        asked = False
        if isinstance(event, QuietEvent):
            self.book.apply(event)
        else:
            before = self.book.get(event.episode)
            asked = before is not None and before.state is State.ASKING
            episode = self.book.apply(event)
            notification = notify(episode, event)
            self._metrics.alert(event, episode)
        record = Record(event, episode, notification, received, asked=asked)
        self._records.put(record)
        return record

    async def _act(self, episode: str, followed: list[Event] | Refused) -> Episode | Refused:
        if isinstance(followed, Refused):
            return followed
        await self._taken(followed)
        found = self.book.get(episode)
        assert found is not None  # noqa: S101  it was there a moment ago and is forgotten after days only
        return found

    async def _suspended(self, followed: list[Event] | Refused) -> SuspensionBegun | Refused:
        if isinstance(followed, Refused):
            return followed
        await self._taken(followed)
        return next(event for event in followed if isinstance(event, SuspensionBegun))

    async def _taken(self, events: list[Event]) -> None:
        """Take what follows from an act, all of it before anything else; returns when it is durable."""
        records = [self._take(event, None) for event in events]
        now = self._clock.now()
        self._follow(now)
        for record in records:
            if record.episode is not None:
                self._advance(record.episode.id, now)
        for record in records:
            await record.done

    def _recorded(self, records: Sequence[Record]) -> None:
        """What follows once events are durable: words for devices, a line in the log, the gauges."""
        for record in records:
            event, episode = record.event, record.episode
            if record.rehearsal:
                self.synthetic.recorded(episode.id if episode else "")
                continue
            if self._downlink is not None and episode and not isinstance(event, QuietEvent):
                self._downlink.say(self.book, episode, event, asked=record.asked)
            if episode and isinstance(event, (Opened, EvidenceAdded, Released)) and event.calls:
                log.info("alert", event_name=event.name, alert=event.episode, kind=episode.kind)
            elif isinstance(event, (SuspensionBegun, SuspensionEnded)):
                log.info(event.name, suspension=event.suspension)
        self._count()
        self._since_forgetting += len(records)
        if self._since_forgetting > _FORGET_EVERY:
            self._since_forgetting = 0
            self.book.forget(self._clock.now() - REMEMBER_MS)

    def _unrecorded(self, records: Sequence[Record]) -> None:
        """The disk stalls: no question is put before it is on record, so people are called."""
        for record in records:
            if isinstance(record.event, Opened) and record.event.weight is Weight.ASKED:
                self.unasked(record.event.episode)

    def _count(self) -> None:
        """The gauges."""
        self._metrics.stand(
            severities=self.book.severities,
            states=self.book.states,
            stale=len(self.stale()),
            flooded=sum(position.flooded for position in self.book.positions.values()),
        )


def _same(before: Record, record: Record) -> bool:
    """Whether what was just told of an alert tells of this as well: it is no worse, and calls nobody anew."""
    told, new = before.notification, record.notification
    if told is None or new is None or record.episode is None or record.episode.about_life:
        return False
    return told.severity is new.severity and (told.calls or not new.calls)
