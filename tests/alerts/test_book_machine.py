"""Any interleaving of what rules and people do: the book's laws hold after each step.

The model knows only which evidence it has sent and what calls it expects; it shares no code with the book.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alerts.acts import (
    Maintenance,
    Refused,
    Shelving,
    acknowledge,
    arrive,
    end_suspension,
    resolve,
    shelve,
    take_out_of_service,
)
from alerts.book import Book
from alerts.decide import decide, follow, identify
from alerts.event import (
    SUSPENDED,
    Acknowledged,
    Arrived,
    Event,
    EvidenceAdded,
    Opened,
    QuietEvent,
    Released,
    Resolved,
    State,
    SuspensionBegun,
    Weight,
)
from alerts.life import about_life
from alerts.notification import Notification, notify
from alerts.records import dump_event, load_event
from rules.decision import FLOOD, Change, Decision, Severity
from rules.kinds import KINDS
from tests.alerts.decisions import HOME, decision

RULES = st.sampled_from(("sos", "fall", "vitals", "news2", "bed_exit", "wandering", "unprotected"))
QUIETABLE = st.sampled_from(("unprotected", "bed_exit", "vitals", "sos"))
OF_HER_BODY = {"sos", "fall", "vitals", "news2", "bed_exit"}
HALF_AN_HOUR = 1_800_000
RANKS = {Severity.INFO: 0, Severity.LOW: 1, Severity.MEDIUM: 2, Severity.HIGH: 3}
PAUSES = st.sampled_from((1_000, 61_000, 601_000, 3_600_000, 9 * 3_600_000))
LENGTHS = st.sampled_from((60_000, 3_600_000, 8 * 3_600_000))
PEOPLE = st.sampled_from(("wang", "li"))
STAFF = st.sampled_from(("Chen", "Zhou", ""))
OUTCOMES = st.sampled_from(("real", "false", "test", "no_action", "nonsense"))
STEPS = st.integers(-3_000, 3_000)
QUIET_STATES = frozenset(SUSPENDED.values())
WINDOWS = st.sampled_from((0, 1_000))


class Watch(RuleBasedStateMachine):
    """Rules raise and clear, people act, the service crashes and replays."""

    @initialize()
    def begin(self) -> None:
        self.book = Book()
        self.now = 1_000_000
        self.told: list[Event] = []
        self.sent: list[Notification] = []
        self.decided: list[Decision] = []
        self.notes = 0

    def _tell(self, events: list[Event]) -> list[Notification]:
        """Take events up, and what follows by itself, as the desk does; what is sent of the former."""
        fresh = self._take(events)
        while later := follow(self.book, self.now):
            episodes = [event.episode for event in later if not isinstance(event, QuietEvent)]
            assert len(episodes) == len(set(episodes))
            self._take(later)
        return fresh

    def _take(self, events: list[Event]) -> list[Notification]:
        fresh = []
        for event in events:
            self.told.append(event)
            if isinstance(event, QuietEvent):
                self.book.apply(event)
            elif (notification := notify(self.book.apply(event), event)) is not None:
                fresh.append(notification)
        self.sent.extend(fresh)
        return fresh

    @rule(
        what=RULES,
        person=PEOPLE,
        shared=st.booleans(),
        step=STEPS,
        severity=st.sampled_from(Severity),
        window=WINDOWS,
    )
    def raised(
        self, what: str, person: str, shared: bool, step: int, severity: Severity, window: int
    ) -> None:
        self.now += 1
        cause = "gateway:g1" if shared and what == "unprotected" else person
        seen = decision(
            f"k{len(self.decided)}",
            rule=what,
            subject=person,
            cause=cause,
            severity=severity,
            at=self.now + step,
            same_within_ms=window,
        )
        before = self.book.open_for(what, cause)
        emergency = what in OF_HER_BODY and any(self.under_way(person, self.now + step))
        self.decided.append(seen)
        events = decide(self.book, seen, self.now, "s1")
        calls = self._tell(events)
        unanswered = before is not None and before.state is State.OPEN
        if about_life(what, what) and not (window and unanswered and self.pressed(before.id, seen)):
            assert [call.calls for call in calls] == [True], "fresh life-safety evidence always calls"
        if emergency:
            opened = [event for event in events if isinstance(event, Opened)]
            assert not any(event.calls for event in opened), "signs of one resident's emergency are one alert"
        after = self.book.open_for(what, cause)
        assert after is not None
        assert after.state is State.OPEN or not any(call.calls for call in calls)
        called = {*QUIET_STATES, State.OPEN} if not about_life(what, what) else {State.OPEN}
        assert after.state in called or (window and unanswered) or not any(call.calls for call in calls)
        assert what in {one.rule or after.rule for one in after.subjects if one.subject == person}

    def under_way(self, person: str, heard: int) -> Iterator[str]:
        """Emergencies of hers for which people were called, or acted, in the last half hour."""
        for episode in self.book.unresolved():
            events = [event for event in self.told if getattr(event, "episode", "") == episode.id]
            opened = events[0]
            assert isinstance(opened, Opened)
            last = [event.at for event in events if isinstance(event, (Acknowledged, Arrived))]
            last += [
                event.evidence.received_at
                for event in events
                if isinstance(event, (Opened, EvidenceAdded)) and event.calls
            ]
            called = any(getattr(event, "calls", False) for event in events)
            standing = episode.state not in QUIET_STATES
            hers = opened.kind in OF_HER_BODY and opened.cause == person
            if hers and called and standing and last and heard - max(last) <= HALF_AN_HOUR:
                yield episode.id

    def pressed(self, episode: str, seen: Decision) -> bool:
        """Whether this rule called for the same press within its window."""
        return any(
            isinstance(event, (Opened, EvidenceAdded))
            and event.calls
            and event.episode == episode
            and event.evidence.metric == seen.evidence.metric
            and abs(event.evidence.at - seen.evidence.at) <= seen.evidence.same_within_ms
            for event in self.told
        )

    @rule(what=RULES, person=PEOPLE, step=STEPS)
    def cleared(self, what: str, person: str, step: int) -> None:
        self.now += 1
        ended = decision(
            f"k{len(self.decided)}",
            change=Change.CLEAR,
            rule=what,
            subject=person,
            at=self.now + step,
        )
        before = self.book.open_for(what, person)
        self.decided.append(ended)
        assert not any(note.calls for note in self._tell(decide(self.book, ended, self.now)))
        after = self.book.open_for(what, person)
        closed = before is not None and after is None
        if closed:
            assert before.state in QUIET_STATES, "an end closes nothing but what was shelved for once"
        else:
            assert (before and before.state) == (after and after.state)

    @rule(what=RULES, person=PEOPLE)
    def noted(self, what: str, person: str) -> None:
        self.now += 1
        note = decision(f"k{len(self.decided)}", change=Change.NOTE, rule=what, subject=person, at=self.now)
        before = self.book.open_for(what, person)
        self.notes += before is not None
        self.decided.append(note)
        assert self._tell(decide(self.book, note, self.now)) == []
        after = self.book.open_for(what, person)
        assert (before and (before.state, before.severity)) == (after and (after.state, after.severity))

    @rule(data=st.data(), by=STAFF)
    def acknowledged(self, data: st.DataObject, by: str) -> None:
        self.now += 1
        events = acknowledge(self.book, self._pick(data), by, self.now, "api")
        if isinstance(events, list):
            self._tell(events)
        else:
            assert isinstance(events, Refused)
            self._tell([])

    @rule(data=st.data(), by=STAFF)
    def arrived(self, data: st.DataObject, by: str) -> None:
        self.now += 1
        events = arrive(self.book, self._pick(data), by, self.now, "api")
        self._tell(events if isinstance(events, list) else [])

    @rule(data=st.data(), by=STAFF, outcome=OUTCOMES)
    def resolved(self, data: st.DataObject, by: str, outcome: str) -> None:
        self.now += 1
        episode = self._pick(data)
        events = resolve(self.book, episode, by, outcome, "", self.now, "api")
        if isinstance(events, list):
            assert by
            assert outcome != "nonsense"
            self._tell(events)
            found = self.book.get(episode)
            assert found is not None
            assert found.state is State.RESOLVED
        else:
            self._tell([])

    @rule(what=QUIETABLE, person=PEOPLE, length=LENGTHS, once=st.booleans(), shared=st.booleans())
    def shelved(self, what: str, person: str, length: int, once: bool, shared: bool) -> None:
        self.now += 1
        cause = "gateway:g1" if shared else ""
        asked = Shelving(
            rule=what, subject=person, cause=cause, for_ms=length, by="Chen", reason="r", once=once
        )
        events = shelve(self.book, asked, KINDS.get(what), HOME, self.now)
        if what == "sos":
            assert isinstance(events, Refused)
        assert not any(note.calls for note in self._tell(events if isinstance(events, list) else []))

    @rule(length=LENGTHS)
    def taken_out_of_service(self, length: int) -> None:
        self.now += 1
        asked = Maintenance(site="s1", device="button-1", for_ms=length, by="Zhou", reason="battery")
        events = take_out_of_service(self.book, asked, self.now)
        assert isinstance(events, list)
        assert not any(note.calls for note in self._tell(events))

    @rule(data=st.data(), by=STAFF)
    def suspension_ended(self, data: st.DataObject, by: str) -> None:
        self.now += 1
        holding = [one.suspension for one in self.book.suspensions.holding()]
        events = end_suspension(self.book, data.draw(st.sampled_from([*holding, "unknown"])), by, self.now)
        if isinstance(events, list):
            assert by
        self._tell(events if isinstance(events, list) else [])

    @rule(pause=PAUSES)
    def time_passed(self, pause: int) -> None:
        self.now += pause
        self._tell([])

    @rule(what=RULES, person=PEOPLE)
    def suppressed(self, what: str, person: str) -> None:
        self.now += 1
        seen = decision(
            f"k{len(self.decided)}", change=Change.SUPPRESS, rule=what, subject=person, at=self.now
        )
        self.decided.append(replace(seen, change=Change.RAISE) if about_life(what, what) else seen)
        events = decide(self.book, seen, self.now, "s1")
        calls = any(note.calls for note in self._tell(events))
        assert calls is about_life(what, what), "there is no suppression of what is about life"
        if not calls:
            assert decide(self.book, seen, self.now, "s1") == []

    @rule(data=st.data())
    def replayed(self, data: st.DataObject) -> None:
        """The service crashed: some of the journal is decided again."""
        first = data.draw(st.integers(0, len(self.decided)))
        for again in self.decided[first:]:
            if again.change is Change.RAISE and identify(again) in self.told_identities():
                assert decide(self.book, again, self.now) == []
        assert not any(note.calls for again in self.decided for note in self._tell_clear(again))

    def _tell_clear(self, again: Decision) -> list[Notification]:
        return self._tell(decide(self.book, again, self.now)) if again.change is Change.CLEAR else []

    @rule()
    def restarted(self) -> None:
        rebuilt = Book.of(load_event(dump_event(event)) for event in self.told)
        assert rebuilt.unresolved() == self.book.unresolved()
        assert rebuilt.suspensions.holding() == self.book.suspensions.holding()
        assert rebuilt.suppressions.listed() == self.book.suppressions.listed()
        assert rebuilt.positions == self.book.positions
        for what in OF_HER_BODY:
            for person in ("wang", "li"):
                assert rebuilt.open_for(what, person) == self.book.open_for(what, person)
                assert rebuilt.emergency(person, self.now) == self.book.emergency(person, self.now)
        unresolved = rebuilt.unresolved()
        assert +rebuilt.states == +self.book.states == Counter(one.state for one in unresolved)
        assert +rebuilt.severities == +self.book.severities == Counter(one.severity for one in unresolved)
        assert follow(rebuilt, self.now) == []
        self.book = rebuilt

    def told_identities(self) -> set[str]:
        return {event.identity for event in self.told if hasattr(event, "identity")}

    def _pick(self, data: st.DataObject) -> str:
        opened = [event.episode for event in self.told if isinstance(event, Opened)]
        return data.draw(st.sampled_from([*opened, "unknown"]))

    @invariant()
    def one_unresolved_episode_for_each_rule_and_cause(self) -> None:
        causes = {
            (event.episode, event.rule, event.cause)
            for event in self.told
            if isinstance(event, (Opened, EvidenceAdded)) and event.rule
        }
        resolved = {event.episode for event in self.told if isinstance(event, Resolved)}
        running = {(what, cause): episode for episode, what, cause in causes if episode not in resolved}
        assert len(running) == sum(episode not in resolved for episode, _, _ in causes)
        assert {episode.id for episode in self.book.unresolved()} == set(running.values())
        for (what, cause), episode in running.items():
            found = self.book.open_for(what, cause)
            assert found is not None
            assert found.id == episode
            assert what in {sign.rule for sign in found.said}

    @invariant()
    def no_evidence_counts_twice_and_none_is_lost(self) -> None:
        identities = [event.identity for event in self.told if hasattr(event, "identity")]
        assert len(identities) == len(set(identities))
        episodes = {event.episode for event in self.told if not isinstance(event, QuietEvent)}
        total = sum(
            found.evidence
            for name in episodes
            if (found := self.book.get(name)) is not None and found.kind != FLOOD
        )
        assert total == self.notes + sum(seen.change is Change.RAISE for seen in self.decided)

    @invariant()
    def no_notification_is_made_twice(self) -> None:
        assert len({note.id for note in self.sent}) == len(self.sent)

    @invariant()
    def residents_are_never_merged(self) -> None:
        for episode in self.book.unresolved():
            if not episode.cause.startswith(("gateway:", FLOOD)):
                assert {concern.subject for concern in episode.subjects} == {episode.cause}

    @invariant()
    def nothing_about_life_is_kept_quiet(self) -> None:
        for episode in self.book.unresolved():
            assert not (episode.about_life and episode.state in QUIET_STATES)
        quiet = {Weight.LATCHED, Weight.MUTED, Weight.SHELVED, Weight.OUT_OF_SERVICE, Weight.JOINED}
        for event in self.told:
            if isinstance(event, (Opened, EvidenceAdded)) and about_life("", event.evidence.metric):
                assert event.weight not in quiet

    @invariant()
    def what_is_quiet_has_a_suspension_that_holds_and_ends(self) -> None:
        holding = {one.suspension: one for one in self.book.suspensions.holding()}
        assert all(self.now < one.until <= one.at + 24 * 3_600_000 for one in holding.values())
        for episode in self.book.unresolved():
            if episode.state in QUIET_STATES:
                assert holding[episode.held].state.value == episode.state.value
            if episode.held and episode.held not in holding:
                rule_of = {e.suspension: e.rule for e in self.told if isinstance(e, SuspensionBegun)}
                what = rule_of[episode.held]
                assert all(
                    one.cleared_at is not None
                    for one in episode.subjects
                    if what in {"", one.rule or episode.rule}
                ), "what holds after a shelf is open"

    @invariant()
    def what_is_shelved_keeps_nothing_else_quiet(self) -> None:
        rule_of = {e.suspension: e.rule for e in self.told if isinstance(e, SuspensionBegun)}
        for event in self.told:
            if isinstance(event, (Opened, EvidenceAdded)) and event.suspension:
                own = next(e.rule for e in self.told if isinstance(e, Opened) and e.episode == event.episode)
                assert rule_of[event.suspension] in {"", event.rule or own}

    @invariant()
    def what_wakes_nobody_since_it_joined_is_no_worse_than_what_people_were_called_for(self) -> None:
        called: dict[str, int] = {}
        worst: Counter[str] = Counter()
        rules: dict[str, set[str]] = {}
        for event in self.told:
            if isinstance(event, Released):
                called[event.episode] = worst[event.episode]
            elif isinstance(event, (Opened, EvidenceAdded)) and event.weight is not Weight.NOTE:
                name = event.episode
                rules.setdefault(name, set()).add(event.rule)
                worst[name] = max(worst[name], RANKS[event.severity])
                if event.weight is Weight.JOINED:
                    assert RANKS[event.severity] <= called[name]
                    assert len(rules[name]) > 1, "another rule called"
                elif event.calls:
                    called[name] = max(called.get(name, 0), RANKS[event.severity])

    @invariant()
    def the_latch_swallows_only_what_called_three_times_in_a_minute(self) -> None:
        calls: dict[tuple[str, str, str], list[int]] = {}
        for event in self.told:
            if isinstance(event, (Opened, EvidenceAdded)):
                times = calls.setdefault((event.episode, event.subject, event.evidence.metric), [])
                if event.weight is Weight.LATCHED:
                    assert any(abs(c - a) <= 60_000 for a, c in zip(times, times[2:], strict=False))
                elif event.calls:
                    times.append(event.evidence.received_at)


Watch.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestWatch = Watch.TestCase
