"""The laws of the book, one by one. `test_book_machine` shows them for any interleaving."""

from dataclasses import replace

import pytest

from alerts.acts import Refusal, Refused, acknowledge, resolve
from alerts.book import Book
from alerts.decide import decide, identify
from alerts.episode import TRANSITIONS, Episode
from alerts.event import (
    Acknowledged,
    Cleared,
    Event,
    EventName,
    EvidenceAdded,
    Opened,
    Outcome,
    Resolved,
    State,
    Weight,
)
from rules.decision import Change, Decision, Severity
from tests.alerts.decisions import decision


def happen(book: Book, events: list[Event] | Refused) -> Episode:
    """Apply the one event that is expected."""
    assert not isinstance(events, Refused), events
    (event,) = events
    return book.apply(event)


def test_the_first_evidence_opens_an_episode_named_after_it() -> None:
    book = Book()
    episode = happen(book, decide(book, decision(at=1_000), 200_000, "s1"))
    assert episode.id == identify(decision(at=1_000))
    assert (episode.state, episode.site, episode.severity) == (State.OPEN, "s1", Severity.HIGH)
    assert (episode.opened_at, episode.raised_at, episode.age_ms, episode.late) == (
        1_000,
        200_000,
        199_000,
        True,
    )
    assert episode.active
    assert book.unresolved() == [episode]


def test_an_episode_id_is_short_safe_in_a_url_and_stands_on_rule_cause_subject_and_key() -> None:
    ids = {
        identify(decision()),
        identify(decision("k2")),
        identify(decision(rule="fall")),
        identify(decision(subject="li")),
        identify(decision(cause="gateway:g1")),
        identify(decision(change=Change.CLEAR)),
        identify(decision("1", subject="li1", cause="x")),
        identify(decision("11", subject="li", cause="x")),
    }
    assert len(ids) == 8
    assert all(len(one) == 16 and one.isascii() and one.isalnum() for one in ids)
    assert identify(decision()) == identify(decision(at=5, severity=Severity.LOW))


def test_the_same_evidence_never_counts_twice_not_even_after_the_episode_was_resolved() -> None:
    book = Book()
    episode = happen(book, decide(book, decision(), 1))
    assert decide(book, decision(), 2) == []
    happen(book, resolve(book, episode.id, "Chen", "real", "", 3))
    assert decide(book, decision(), 4) == []
    assert decide(book, decision("k2"), 5) != []


def test_fresh_evidence_reopens_an_acknowledged_episode_and_calls_again() -> None:
    book = Book()
    episode = happen(book, decide(book, decision(rule="fall"), 1))
    happen(book, acknowledge(book, episode.id, "Chen", 2))
    (event,) = decide(book, decision("k2", rule="fall", at=2_000), 3)
    assert isinstance(event, EvidenceAdded)
    assert event.calls
    episode = book.apply(event)
    assert (episode.state, episode.acknowledged_by, episode.evidence, episode.called) == (
        State.OPEN,
        "",
        2,
        3,
    )


def test_the_messages_of_one_press_call_once_until_somebody_has_taken_charge() -> None:
    book = Book()
    episode = happen(book, decide(book, decision("k1", at=1_000, same_within_ms=5_000), 1))
    same = decision("k2", at=6_000, same_within_ms=5_000)
    (event,) = decide(book, same, 2)
    assert isinstance(event, EvidenceAdded)
    assert event.weight is Weight.REPEAT
    kept = book.apply(event)
    assert (kept.evidence, kept.number, kept.called) == (2, 2, 1)
    (another,) = decide(book, decision("k3", at=11_001, same_within_ms=5_000), 3)
    assert isinstance(another, EvidenceAdded)
    assert another.weight is Weight.CALL
    happen(book, acknowledge(book, episode.id, "Chen", 4))
    (after,) = decide(book, decision("k4", at=6_001, same_within_ms=5_000), 5)
    assert isinstance(after, EvidenceAdded)
    assert after.weight is Weight.CALL


@pytest.mark.parametrize(
    ("other", "severity"),
    [
        (decision("k2", at=1_001, device="button-2", same_within_ms=5_000), Severity.HIGH),
        (decision("k2", at=1_001, metric="help", same_within_ms=5_000), Severity.HIGH),
        (decision("k2", at=1_001), Severity.HIGH),
        (decision("k2", at=1_000), Severity.HIGH),
        (decision("k2", at=1_001, same_within_ms=5_000), Severity.MEDIUM),
    ],
    ids=["another device", "another metric", "no window", "no window, same instant", "more severe"],
)
def test_what_is_not_the_same_press_calls_again(other: Decision, severity: Severity) -> None:
    book = Book()
    happen(book, decide(book, decision(severity=severity, same_within_ms=5_000), 1))
    (event,) = decide(book, other, 2)
    assert isinstance(event, EvidenceAdded)
    assert event.calls


def test_a_press_after_resolution_is_a_new_episode() -> None:
    book = Book()
    first = happen(book, decide(book, decision("k1", same_within_ms=5_000), 1))
    happen(book, resolve(book, first.id, "Chen", "false", "", 2))
    second = happen(book, decide(book, decision("k2", at=1_001, same_within_ms=5_000), 3))
    assert second.id != first.id
    assert book.unresolved() == [second]


def test_two_residents_are_never_merged_and_equal_causes_are() -> None:
    book = Book()
    wang = happen(book, decide(book, decision(subject="wang"), 1))
    li = happen(book, decide(book, decision(subject="li"), 1))
    assert wang.id != li.id
    for person in ("wang", "li"):
        dark = decision("down", rule="unprotected", subject=person, cause="gateway:g1")
        episode = happen(book, decide(book, dark, 2))
    assert [concern.subject for concern in episode.subjects] == ["wang", "li"]
    assert len(book.unresolved()) == 3


def test_a_note_is_counted_and_changes_nothing_else() -> None:
    """A device that thinks she is up again: a person decides (NOTE)."""
    book = Book()
    note = decision("up", change=Change.NOTE, rule="fall", at=1_100, same_within_ms=5_000)
    assert decide(book, note, 1) == []
    first = happen(book, decide(book, decision(rule="fall", severity=Severity.MEDIUM), 2))
    taken = happen(book, acknowledge(book, first.id, "Chen", 3))
    (event,) = decide(book, note, 4)
    assert isinstance(event, EvidenceAdded)
    assert event.weight is Weight.NOTE
    noted = book.apply(event)
    assert noted == replace(taken, evidence=2, number=3, last_evidence_at=1_100)
    assert decide(book, note, 5) == []


def test_a_press_soon_after_a_note_is_no_repeat_of_it() -> None:
    book = Book()
    happen(book, decide(book, decision(at=1_000), 1))
    happen(book, decide(book, decision("note", change=Change.NOTE, at=20_000), 2))
    (event,) = decide(book, decision("k2", at=20_001, same_within_ms=5_000), 3)
    assert isinstance(event, EvidenceAdded)
    assert event.weight is Weight.CALL


def test_evidence_older_than_the_end_of_a_condition_does_not_begin_it_again() -> None:
    book = Book()
    happen(book, decide(book, decision(at=1_000), 1))
    happen(book, decide(book, decision("end", change=Change.CLEAR, at=5_000), 2))
    late = happen(book, decide(book, decision("k2", at=4_000), 3))
    assert not late.active
    assert late.subjects[0].last_at == 4_000
    assert happen(book, decide(book, decision("k3", at=5_000), 4)).active


def test_severity_rises_and_never_falls() -> None:
    book = Book()
    severities = []
    for number, severity in enumerate((Severity.MEDIUM, Severity.LOW, Severity.HIGH, Severity.MEDIUM)):
        severities.append(
            happen(book, decide(book, decision(f"k{number}", severity=severity), number)).severity
        )
    assert severities == [Severity.MEDIUM, Severity.MEDIUM, Severity.HIGH, Severity.HIGH]


def test_return_to_normal_is_noted_and_closes_nothing() -> None:
    book = Book()
    happen(book, decide(book, decision(at=1_000), 1))
    episode = happen(book, decide(book, decision("end", change=Change.CLEAR, at=2_000), 2))
    assert (episode.state, episode.active) == (State.OPEN, False)
    assert decide(book, decision("end 2", change=Change.CLEAR, at=2_000), 3) == []
    again = happen(book, decide(book, decision("k2", at=3_000), 4))
    assert again.active
    assert again.subjects[0].since == 3_000


def test_one_person_out_of_danger_does_not_clear_the_others() -> None:
    book = Book()
    for person in ("wang", "li"):
        dark = decision(f"down {person}", rule="unprotected", subject=person, cause="gateway:g1")
        happen(book, decide(book, dark, 1))
    back = decision(
        "up", change=Change.CLEAR, rule="unprotected", subject="wang", cause="gateway:g1", at=2_000
    )
    episode = happen(book, decide(book, back, 2))
    assert episode.active
    everyone = decision(
        "all", change=Change.CLEAR, rule="unprotected", subject="gateway:g1", cause="gateway:g1", at=3_000
    )
    episode = happen(book, decide(book, everyone, 3))
    assert not episode.active
    assert [concern.cleared_at for concern in episode.subjects] == [2_000, 3_000]


def test_what_ended_before_the_newest_evidence_clears_nothing() -> None:
    book = Book()
    happen(book, decide(book, decision(at=5_000), 1))
    assert decide(book, decision("old end", change=Change.CLEAR, at=4_999), 2) == []
    assert decide(Book(), decision("end", change=Change.CLEAR), 3) == []


def test_taking_charge_needs_a_name_and_repeating_it_changes_nothing() -> None:
    book = Book()
    episode = happen(book, decide(book, decision(), 1))
    assert acknowledge(book, episode.id, "  ", 2) == Refused(Refusal.MISSING_NAME, "a person must be named")
    taken = happen(book, acknowledge(book, episode.id, " Chen ", 3, "api", note="on my way"))
    assert (taken.state, taken.acknowledged_by, taken.acknowledged_at) == (State.ACKNOWLEDGED, "Chen", 3)
    assert acknowledge(book, episode.id, "Chen", 4) == []
    assert happen(book, acknowledge(book, episode.id, "Zhou", 5)).acknowledged_by == "Zhou"


def test_resolving_needs_a_name_and_an_outcome_and_is_final() -> None:
    book = Book()
    episode = happen(book, decide(book, decision(), 1))
    for by, outcome, why in (("", "real", Refusal.MISSING_NAME), ("Chen", "fine", Refusal.BAD_OUTCOME)):
        refused = resolve(book, episode.id, by, outcome, "", 2)
        assert isinstance(refused, Refused)
        assert refused.why is why
    done = happen(book, resolve(book, episode.id, "Chen", Outcome.FALSE, "leaned on it", 3))
    assert (done.state, done.outcome, done.resolved_by, done.note) == (
        State.RESOLVED,
        Outcome.FALSE,
        "Chen",
        "leaned on it",
    )
    assert resolve(book, episode.id, "Chen", "false", "again", 4) == []
    for refused in (
        resolve(book, episode.id, "Chen", "real", "", 5),
        resolve(book, episode.id, "Zhou", "false", "", 5),
        acknowledge(book, episode.id, "Chen", 5),
    ):
        assert isinstance(refused, Refused)
        assert refused.why is Refusal.ALREADY_RESOLVED


def test_an_unknown_alert_is_refused() -> None:
    for refused in (acknowledge(Book(), "none", "Chen", 1), resolve(Book(), "none", "Chen", "real", "", 1)):
        assert isinstance(refused, Refused)
        assert refused.why is Refusal.UNKNOWN


def test_nobody_acknowledges_or_resolves_a_fall_they_have_not_seen() -> None:
    book = Book()
    seen = happen(book, decide(book, decision(rule="fall"), 1))
    happen(book, decide(book, decision("k2", rule="fall", at=9_000), 2))
    for refused in (
        acknowledge(book, seen.id, "Chen", 3, seen=seen.number),
        resolve(book, seen.id, "Chen", "real", "", 3, seen=seen.number),
    ):
        assert isinstance(refused, Refused)
        assert refused.why is Refusal.FRESH_EVIDENCE
    assert happen(book, acknowledge(book, seen.id, "Chen", 4, seen=2)).state is State.ACKNOWLEDGED


def test_a_book_rebuilt_from_its_events_is_the_same_book_and_folding_twice_changes_nothing() -> None:
    book = Book()
    told: list[Event] = []

    def tell(events: list[Event] | Refused) -> None:
        assert not isinstance(events, Refused)
        told.extend(events)
        for event in events:
            book.apply(event)

    tell(decide(book, decision(same_within_ms=5_000), 1))
    tell(acknowledge(book, told[0].episode, "Chen", 2))
    tell(decide(book, decision("k2", at=1_500, same_within_ms=5_000), 3))
    tell(decide(book, decision("end", change=Change.CLEAR, at=1_600), 4))
    tell(decide(book, decision("other", subject="li"), 5))
    tell(resolve(book, told[-1].episode, "Chen", "test", "", 6))
    assert [type(event) for event in told] == [
        Opened,
        Acknowledged,
        EvidenceAdded,
        Cleared,
        Opened,
        Resolved,
    ]
    rebuilt = Book.of([*told, *told])
    assert rebuilt.unresolved() == book.unresolved()
    assert rebuilt.get(told[-1].episode) == book.get(told[-1].episode)
    for known in (decision(), decision("k2"), decision("end", change=Change.CLEAR), decision("other")):
        assert rebuilt.knows(identify(known)) == book.knows(identify(known))
    repeat = decision("k3", at=1_700, same_within_ms=5_000)
    assert decide(rebuilt, repeat, 7) == decide(book, repeat, 7)


def test_only_what_was_resolved_long_ago_is_forgotten() -> None:
    book = Book()
    old = happen(book, decide(book, decision("a"), 1))
    happen(book, resolve(book, old.id, "Chen", "real", "", 10))
    still = happen(book, decide(book, decision("b"), 2))
    assert book.forget(10) == 0
    assert book.forget(11) == 1
    assert book.get(old.id) is None
    assert not book.knows(old.id)
    assert book.unresolved() == [still]


def test_an_event_that_cannot_follow_is_a_bug_and_says_so() -> None:
    book = Book()
    episode = happen(book, decide(book, decision(), 1))
    with pytest.raises(ValueError, match="never opened"):
        book.apply(Acknowledged("none", 1, 1, "Chen"))
    with pytest.raises(ValueError, match="second open episode"):
        book.apply(decide(Book(), decision("k9"), 1)[0])
    happen(book, resolve(book, episode.id, "Chen", "real", "", 2))
    with pytest.raises(ValueError, match="does not follow resolved"):
        book.apply(Acknowledged(episode.id, 3, 3, "Chen"))


def test_the_table_of_transitions_leaves_nothing_undefined() -> None:
    quiet = {name for name in EventName if name.startswith(("suspension", "suppress"))}
    verbs = set(EventName) - {EventName.OPENED} - quiet
    standing = set(State) - {State.RESOLVED}
    only = {EventName.LAPSED: {State.ACKNOWLEDGED}, EventName.NOTIFIED: {State.OPEN}}
    assert set(TRANSITIONS) == {(state, verb) for verb in verbs for state in only.get(verb, standing)}
    assert set(TRANSITIONS.values()) == set(State), "every state is reached"


def test_steady_presses_call_again_and_again() -> None:
    book = Book()
    calls = 0
    for number in range(66):
        for event in decide(book, decision(f"k{number}", at=number * 9_000, same_within_ms=10_000), number):
            book.apply(event)
            calls += isinstance(event, Opened) or (isinstance(event, EvidenceAdded) and event.calls)
    assert calls == 33, "a repeat is one of the last call, not of the last message"
