"""Any interleaving of evidence, acts, receipts, failures, restarts and time: nobody is forgotten.

Rule: the model keeps its own account of what was pressed, who was told and when each step was due; it shares
no code with the ladder. `make model` plays 10,000 sequences, the ordinary tests a few hundred.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alerts.acts import acknowledge, arrive, resolve
from alerts.asking import answered
from alerts.book import Book
from alerts.decide import decide, follow
from alerts.escalate import Policy, advance
from alerts.event import (
    Acknowledged,
    Address,
    Arrived,
    EpisodeEvent,
    Event,
    EvidenceAdded,
    Lapsed,
    MessageDelivered,
    MessageFailed,
    Notified,
    Opened,
    QuietEvent,
    Released,
    Resolved,
    State,
    Weight,
)
from alerts.ladder import RECEIPT_MS, Ladder, Step
from alerts.notification import notify
from alerts.records import dump_episode, dump_event, load_episode, load_event
from devices.observation import Observation
from devices.reading import TimeSource
from devices.registry import Device, Registry
from rules.decision import FLOOD, Change, Severity
from tests.alerts.decisions import HOME, decision

REGISTRY = Registry.of(
    places=list(HOME.places.values()),
    residents=list(HOME.residents.values()),
    devices=[Device(f"watch-{who}", resident=who, site="s1", downlink=True) for who in ("wang", "li")],
)
ASK_MS = 20_000
SEQUENCES = int(os.environ.get("SHOUWANG_MODEL_SEQUENCES", "150"))

LADDER = Ladder(
    "all",
    (
        Step(0, ("primary",), ("push",)),
        Step(30_000, ("primary", "second"), ("push", "sms")),
        Step(60_000, ("lead",), ("voice",)),
        Step(180_000, (), ("board",)),
    ),
    60_000,
)
AFTER = (0, 30_000, 60_000, 180_000)
LEASE = {Severity.HIGH: 300_000, Severity.MEDIUM: 1_800_000}
PEOPLE = st.sampled_from(("wang", "li"))
STAFF = st.sampled_from(("s-1", "s-2"))
ROLES = st.sampled_from(("primary", "second", "lead"))
ON_DUTY = st.sampled_from(((), ("s-1",), ("s-1", "s-4")))
PAUSES = st.sampled_from((1, 500, 8_000, 29_999, 30_000, 61_000, 300_000, 1_900_000, 7_200_000))


@dataclass
class Rota:
    """Who is on duty, as the model says."""

    roles: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {"primary": ("s-1",), "second": ("s-2",), "lead": ("s-3",)}
    )

    def on_duty(self, role: str, places: Sequence[str], at: int) -> tuple[str, ...]:
        del places, at
        return self.roles.get(role, ())


class Night(RuleBasedStateMachine):
    """Residents press, rules see, staff act, channels fail, the service is killed and starts again."""

    @initialize()
    def begin(self) -> None:
        self.book, self.now, self.rota = Book(), 1_000_000, Rota()
        self.log: list[Event] = []
        self.pressed: dict[tuple[str, str], int] = {}
        self.count = 0
        self.waiting: dict[tuple[str, Address], str] = {}
        self.awake = True

    # What the service does.

    def _take(self, *events: Event) -> None:
        for event in events:
            self.log.append(event)
            if isinstance(event, QuietEvent):
                self.book.apply(event)
                continue
            notification = notify(self.book.apply(event), event)
            if isinstance(event, Notified):
                assert notification is not None or not (event.to or event.repeat)
                for address in event.to:
                    self.waiting[event.episode, address] = f"{event.episode}-{event.number}"

    def _settle(self) -> None:
        """What the desk does after anything that happened, and each second."""
        while events := follow(self.book, self.now):
            self._take(*events)
        policy = Policy(HOME, (LADDER,), self.rota)
        for episode in self.book.unresolved():
            steps = 0
            while (found := self.book.get(episode.id)) and (event := advance(found, policy, self.now)):
                self._take(event)
                steps += 1
                assert steps < 50, "it never comes to rest"

    def _decided(self, *, ask_ms: int = 0, askable: bool = False, **about: object) -> None:
        self.now += 1
        self.count += 1
        made = replace(decision(f"k{self.count}", at=self.now, **about), ask_ms=ask_ms)  # type: ignore[arg-type]
        self._take(*decide(self.book, made, self.now, "s1", askable=askable))
        self._settle()

    @rule(who=PEOPLE, askable=st.booleans(), severity=st.sampled_from((Severity.MEDIUM, Severity.HIGH)))
    def out_of_bed(self, who: str, askable: bool, severity: Severity) -> None:
        self._decided(rule="bed_exit", subject=who, severity=severity, ask_ms=ASK_MS, askable=askable)

    @rule(who=PEOPLE)
    def back_in_bed(self, who: str) -> None:
        self._decided(rule="bed_exit", subject=who, change=Change.CLEAR)

    @rule(who=PEOPLE)
    def all_is_well(self, who: str) -> None:
        """A resident takes her alarm back on her own device."""
        self.now += 1
        standing = {one.id: one.state for one in self.book.unresolved()}
        observation = Observation(
            f"watch-{who}", "help_cancelled", True, self.now, self.now, TimeSource.ARRIVAL, site="s1"
        )
        followed = answered(self.book, REGISTRY, observation, self.now)
        for event in followed:
            assert isinstance(event, Resolved)
            assert standing[event.episode] is State.ASKING, "she closed what people were called for"
        self._take(*followed)
        self._settle()
        for one in self.book.unresolved():
            hers = {it.subject for it in one.subjects} == {who}
            assert not (hers and one.state is State.ASKING), "her answer was not heard"

    @rule(who=PEOPLE, window=st.sampled_from((0, 5_000)), what=st.sampled_from(("sos", "fall")))
    def sos(self, who: str, window: int, what: str) -> None:
        before = len(self.log)
        self._decided(rule=what, subject=who, same_within_ms=window)
        new = self.log[before:]
        seen = (one for one in new if isinstance(one, (Opened, EvidenceAdded)))
        (press,) = (
            one for one in seen if one.subject == who
        )  # it may be the one too many that makes a flood
        if press.weight is Weight.REPEAT:
            assert self.now - self.pressed[who, what] <= window, "a press of its own was taken for a repeat"
            return
        self.pressed[who, what] = self.now
        assert press.calls
        told = [one for one in new if isinstance(one, Notified) and one.episode == press.episode]
        assert told, "a press without a notification"
        assert any(one.to or one.nobody for one in told)

    @rule(who=PEOPLE, severity=st.sampled_from((Severity.MEDIUM, Severity.HIGH)))
    def vital(self, who: str, severity: Severity) -> None:
        self._decided(rule="vitals", subject=who, metric="heart_rate", severity=severity)

    @rule(who=PEOPLE)
    def over(self, who: str) -> None:
        self._decided(rule="vitals", subject=who, metric="heart_rate", change=Change.CLEAR)

    @rule(data=st.data(), by=STAFF)
    def acknowledged(self, data: st.DataObject, by: str) -> None:
        self._act(data, lambda alert: acknowledge(self.book, alert, by, self.now))

    @rule(data=st.data(), by=STAFF)
    def arrived(self, data: st.DataObject, by: str) -> None:
        self._act(data, lambda alert: arrive(self.book, alert, by, self.now))

    @rule(data=st.data(), by=STAFF)
    def resolved(self, data: st.DataObject, by: str) -> None:
        self._act(data, lambda alert: resolve(self.book, alert, by, "real", "", self.now))

    def _act(self, data: st.DataObject, act: object) -> None:
        self.now += 1
        standing = [one.id for one in self.book.unresolved()]
        if standing:
            followed = act(data.draw(st.sampled_from(standing)))  # type: ignore[operator]
            self._take(*(followed if isinstance(followed, list) else []))
        self._settle()

    @rule(data=st.data(), delivered=st.booleans())
    def receipt(self, data: st.DataObject, delivered: bool) -> None:
        if not self.waiting:
            return
        alert, address = data.draw(st.sampled_from(sorted(self.waiting, key=repr)))
        notification = self.waiting.pop((alert, address))
        found = self.book.get(alert)
        if found is None or found.state is State.RESOLVED:
            return
        number, to, channel = found.number + 1, address.to, address.channel
        if delivered:
            self._take(MessageDelivered(alert, number, self.now, notification, to, channel))
        else:
            self._take(MessageFailed(alert, number, self.now, notification, to, channel, "HTTP 500"))
        self._settle()

    @rule(pause=PAUSES)
    def time_passed(self, pause: int) -> None:
        self.now += pause
        self._settle()

    @rule(pause=PAUSES)
    def killed_and_started(self, pause: int) -> None:
        """Down for a while: what is on record is all that is known."""
        standing = self.book.unresolved()
        self.book = Book.of(load_event(dump_event(event)) for event in self.log)
        assert self.book.unresolved() == standing
        assert [load_episode(dump_episode(one)) for one in standing] == standing
        self.now += pause
        self._settle()

    @rule(role=ROLES, who=ON_DUTY)
    def duty_changed(self, role: str, who: tuple[str, ...]) -> None:
        self.rota.roles[role] = who

    # What must hold after each of them.

    @invariant()
    def exactly_one_open_episode_for_each_cause(self) -> None:
        """Whatever a rule saw of a cause is in one alert, its own or one of the same resident's."""
        alerts: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for event in self.log:
            if isinstance(event, Resolved):
                for standing in alerts.values():
                    standing.discard(event.episode)
            elif isinstance(event, (Opened, EvidenceAdded)) and event.rule not in {"", FLOOD}:
                alerts[event.rule, event.cause].add(event.episode)
                assert len(alerts[event.rule, event.cause]) == 1
                assert event.subject == event.cause
        residents = [one for one in self.book.unresolved() if one.kind != FLOOD]
        of = {one.id: {it.subject for it in one.subjects} for one in residents}
        assert set(of) == {alert for standing in alerts.values() for alert in standing}
        assert all(len(subjects) == 1 for subjects in of.values()), "two residents in one alert"

    @invariant()
    def every_step_is_taken_once_and_in_time(self) -> None:
        """Read from the record alone, as an auditor would. To a flood nobody goes: no lease."""
        for events in self._by_alert().values():
            if not (isinstance(events[0], Opened) and events[0].kind == FLOOD):
                self._audit(events)

    def _by_alert(self) -> dict[str, list[EpisodeEvent]]:
        found: defaultdict[str, list[EpisodeEvent]] = defaultdict(list)
        for event in self.log:
            if not isinstance(event, QuietEvent):
                found[event.episode].append(event)
        return found

    def _audit(self, events: list[EpisodeEvent]) -> None:
        severity, life = Severity.INFO, False
        calling: int | None = None  # since when, None: nobody is to be called
        taken: tuple[int, int] | None = None  # cycle and step that came last
        since = 0
        state = ""
        held_until = 0
        ask_until = 0
        for position, event in enumerate(events):
            following = events[position + 1 :]
            match event:
                case Opened() | EvidenceAdded() if event.calls:
                    about_life = event.evidence.metric in {"sos", "fall"}
                    worse = _rank(event.severity) > _rank(severity) or (about_life and not life)
                    life = life or about_life
                    if calling is None or worse:
                        calling, taken, since = event.at, None, event.at
                    severity = max(severity, event.severity, key=_rank)
                    state = "open"
                    assert any(isinstance(one, Notified) and one.at == event.at for one in following), (
                        "fresh evidence that nobody was told"
                    )
                case Opened():
                    severity, state, ask_until = event.severity, "asking", event.ask_until
                    assert event.weight is Weight.ASKED
                    assert event.evidence.metric not in {"sos", "fall"}
                case EvidenceAdded() if event.weight is Weight.ASKED:
                    assert state == "asking"
                case Released():
                    assert state == "asking"
                    assert event.at >= ask_until, "her time was not over"
                    calling, taken, since, state = event.at, None, event.at, "open"
                    assert any(isinstance(one, Notified) and one.at == event.at for one in following)
                case Lapsed():
                    assert state == "acknowledged"
                    assert event.at >= held_until
                    calling, taken, since, state = event.at, None, event.at, "open"
                    (first, *_) = following
                    assert isinstance(first, Notified)
                    assert (first.cycle, first.step, first.at) == (0, 0, event.at), "not from the top"
                case Notified() if event.again:
                    assert calling is not None
                case Notified():
                    assert calling is not None, "nobody is called once somebody took charge"
                    expected = (
                        (0, 0)
                        if taken is None
                        else ((taken[0], taken[1] + 1) if taken[1] + 1 < len(AFTER) else (taken[0] + 1, 0))
                    )
                    assert (event.cycle, event.step) == expected, "a step was lost or taken twice"
                    since = event.at if event.step == 0 else since
                    early = event.at < since + AFTER[event.step]
                    assert not early or self._reached_nobody(events[:position], event.at), "too early"
                    taken = expected
                case Acknowledged():
                    calling, state = None, "acknowledged" if state != "on_site" else state
                    held_until = event.at + LEASE[severity]
                case Arrived():
                    calling, state = None, "on_site"
                case Resolved():
                    calling, state = None, "resolved"
                case _:
                    pass
        if calling is not None:
            assert taken is not None
            step = taken[1] + 1
            if step < len(AFTER):
                assert self.now < since + AFTER[step], "a step is overdue"
        assert state != "asking" or self.now < ask_until, "she did not answer, and nobody was called"
        assert state != "acknowledged" or self.now < held_until, "a lease is over and nobody was called"

    @staticmethod
    def _reached_nobody(before: list[EpisodeEvent], at: int) -> bool:
        """Whether the step before found nobody, or the last that told somebody reached none of them."""
        steps = [(n, one) for n, one in enumerate(before) if isinstance(one, Notified) and not one.again]
        _, last = steps[-1]
        if last.nobody and not last.to:
            return True
        number, sent = next((n, one) for n, one in reversed(steps) if one.to)
        answers = [
            one
            for one in before[number:]
            if isinstance(one, (MessageDelivered, MessageFailed)) and Address(one.to, one.channel) in sent.to
        ]
        delivered = any(isinstance(one, MessageDelivered) for one in answers)
        refused = {Address(one.to, one.channel) for one in answers}
        return not delivered and (at >= sent.at + RECEIPT_MS or refused >= set(sent.to))

    @invariant()
    def whoever_is_not_reached_is_not_waited_for(self) -> None:
        """Eight seconds after a step that reached nobody the next one is taken."""
        for episode in self.book.unresolved():
            call = episode.call
            if episode.state is State.OPEN and call is not None and 0 < call.step < len(AFTER):
                unreached = call.sent_at is not None and not call.delivered
                assert not (unreached and call.sent_at is not None and self.now >= call.sent_at + RECEIPT_MS)

    @invariant()
    def people_are_called_exactly_while_it_is_open(self) -> None:
        for episode in self.book.unresolved():
            assert (episode.call is not None) == (episode.state is State.OPEN)


def _rank(severity: Severity) -> int:
    return [Severity.INFO, Severity.LOW, Severity.MEDIUM, Severity.HIGH].index(severity)


Night.TestCase.settings = settings(max_examples=SEQUENCES, stateful_step_count=30, deadline=None)
TestNight = Night.TestCase
