"""One resident's fall, call for help and heart rate are one alert; two residents' are never."""

from itertools import permutations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.acts import Shelving, acknowledge, arrive, resolve, shelve
from alerts.comparison import call_of
from alerts.episode import Episode
from alerts.event import Cleared, EvidenceAdded, Opened, State, SuspensionBegun, Weight
from alerts.joining import KINDS, WITHIN_MS
from alerts.notification import standing, text
from alerts.records import dump_episode, dump_event, load_episode, load_event
from alerts.view import view
from ingest.replay import calls
from rules.decision import Change, Severity
from rules.kinds import KINDS as RULE_KINDS
from tests.alerts.course import Course
from tests.alerts.decisions import HOME, decision

MINUTE = 60_000
MEDIUM, HIGH, LOW = Severity.MEDIUM, Severity.HIGH, Severity.LOW


def seen(
    course: Course, rule: str, severity: Severity = HIGH, subject: str = "wang", **about: object
) -> Episode:
    """A rule sees something now; the alert it is in."""
    course.now += 1_000
    found = course.decided(
        decision(
            f"{rule}-{course.now}", rule=rule, severity=severity, subject=subject, at=course.now, **about
        )  # type: ignore[arg-type]
    )
    assert found is not None
    return found


def taken(course: Course, by: str = "Chen") -> None:
    """Somebody takes charge of the only alert."""
    (episode,) = course.book.unresolved()
    course.acted(acknowledge(course.book, episode.id, by, course.now))


def last(course: Course) -> EvidenceAdded:
    event = course.told[-1]
    assert isinstance(event, EvidenceAdded)
    return event


@pytest.mark.parametrize("order", list(permutations(("fall", "sos", "vitals"))), ids="-".join)
def test_a_fall_a_call_and_a_heart_rate_of_one_resident_are_one_alert_in_any_order(
    order: tuple[str, ...],
) -> None:
    course = Course()
    for rule in order:
        seen(course, rule, HIGH if rule != "vitals" else MEDIUM)
    (episode,) = course.book.unresolved()
    assert episode.id == course.book.open_for(order[0], "wang").id  # type: ignore[union-attr]
    assert all(course.book.open_for(rule, "wang") == episode for rule in order)
    assert (episode.severity, episode.about_life, episode.evidence) == (HIGH, True, 3)
    assert episode.foremost.kind == [rule for rule in order if rule != "vitals"][-1], "the newer of two calls"
    called = [call_of(event) is not None and event.calls for event in course.told]  # type: ignore[arg-type, union-attr]
    assert called == [rule != "vitals" or rule == order[0] for rule in order]


def test_two_residents_are_never_one_alert_nor_a_resident_and_her_room() -> None:
    course = Course()
    for rule in KINDS:
        for subject in ("wang", "li", "r301", "device:s1/pendant-9"):
            seen(course, rule, subject=subject)
    whose = [{one.subject for one in episode.subjects} for episode in course.book.unresolved()]
    assert all(len(subjects) == 1 for subjects in whose)
    assert whose.count({"wang"}) == whose.count({"li"}) == 1
    apart = len(KINDS) - 1  # fall and long_lie are of one
    assert whose.count({"r301"}) == whose.count({"device:s1/pendant-9"}) == apart, "who, nobody knows"


@pytest.mark.parametrize("subject", ["device:s1/watch-9", "r301", "wang"])
@pytest.mark.parametrize("others", [(), ("sos",), ("sos", "vitals")])
def test_not_up_again_is_of_its_fall_whoever_fell_and_calls_anew(
    subject: str, others: tuple[str, ...]
) -> None:
    course = Course()
    if subject == "wang":
        others = ()
    for rule in others:
        seen(course, rule, subject=subject)
    first = seen(course, "fall", subject=subject)
    called = len(course.calls)
    for _ in range(3):
        assert seen(course, "long_lie", subject=subject).id == first.id
    assert len(course.calls) == called + 3, "R-72: each step calls anew"
    assert len(course.book.unresolved()) == 1 + len(others), "whose call it was, nobody knows"


@pytest.mark.parametrize("subject", ["device:s1/watch-9", "r301"])
def test_whose_fall_was_answered_is_another_alert_when_she_is_not_up_again(subject: str) -> None:
    course = Course()
    first = seen(course, "fall", subject=subject)
    course.acted(resolve(course.book, first.id, "Chen", "real", "", course.now))
    assert seen(course, "long_lie", subject=subject).id != first.id
    assert seen(course, "fall", subject="r302").id != seen(course, "long_lie", subject="r303").id


@pytest.mark.parametrize("rule", sorted({*RULE_KINDS} - KINDS))
def test_what_is_not_of_her_body_now_is_an_alert_of_its_own(rule: str) -> None:
    course = Course()
    seen(course, "fall")
    seen(course, rule, MEDIUM)
    assert len(course.book.unresolved()) == 2


def test_what_several_have_in_common_is_not_her_emergency() -> None:
    course = Course()
    seen(course, "sos")
    seen(course, "vitals", cause="gateway:g1")
    assert len(course.book.unresolved()) == 2


@given(
    st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from(("ack", "arrive", ""))), max_size=12)
)
def test_every_call_for_help_and_every_fall_calls_whatever_it_joins(steps: list[tuple[str, str]]) -> None:
    course = Course()
    for rule, act in steps:
        severity = HIGH if rule in {"sos", "fall", "long_lie"} else MEDIUM
        before = len(course.calls)
        episode = seen(course, rule, severity)
        if rule in {"sos", "fall", "long_lie"}:
            assert len(course.calls) == before + 1
            assert (episode.state, episode.about_life) == (State.OPEN, True)
            assert course.calls[-1].life_safety
        if act == "ack":
            taken(course)
        elif act:
            course.acted(arrive(course.book, episode.id, "Chen", course.now))


@pytest.mark.parametrize("window", [10_000])
def test_a_press_is_repeated_away_only_by_a_press_of_the_same_button(window: int) -> None:
    course = Course()
    seen(course, "fall", same_within_ms=window)
    seen(course, "sos", same_within_ms=window)
    assert last(course).calls
    seen(course, "sos", same_within_ms=window)
    assert last(course).weight is Weight.REPEAT
    seen(course, "sos", same_within_ms=window, device="button-2")
    assert last(course).calls
    taken(course)
    seen(course, "fall", same_within_ms=window)
    seen(course, "sos", same_within_ms=window)
    assert last(course).calls, "the press before was answered"


def test_a_confirmed_fall_calls_though_a_call_for_help_is_as_urgent() -> None:
    course = Course()
    seen(course, "sos", same_within_ms=60_000)
    seen(course, "fall", MEDIUM, same_within_ms=60_000)
    seen(course, "fall", HIGH, same_within_ms=60_000)
    assert [event.calls for event in course.told] == [True, True, True]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("before", "after", "opens", "acknowledged", "on_site"),
    [
        (("sos", HIGH), ("vitals", HIGH), False, False, False),
        (("sos", HIGH), ("vitals", LOW), False, False, False),
        (("fall", MEDIUM), ("vitals", HIGH), True, True, True),
        (("vitals", MEDIUM), ("news2", MEDIUM), False, True, False),
        (("vitals", MEDIUM), ("bed_exit", LOW), False, False, False),
        (("vitals", MEDIUM), ("news2", HIGH), True, True, True),
        (("bed_exit", MEDIUM), ("inactivity", MEDIUM), False, True, False),
    ],
)
def test_what_joins_wakes_only_whom_it_has_something_new_to_say(
    before: tuple[str, Severity],
    after: tuple[str, Severity],
    opens: bool,
    acknowledged: bool,
    on_site: bool,
) -> None:
    for state, calls_again in (("open", opens), ("acknowledged", acknowledged), ("on_site", on_site)):
        course = Course()
        episode = seen(course, *before)
        if state != "open":
            taken(course)
        if state == "on_site":
            course.acted(arrive(course.book, episode.id, "Chen", course.now))
        episode = seen(course, *after)
        assert last(course).calls is calls_again, state
        assert episode.state == ("open" if calls_again else state)
        assert course.sent[-1].reason == "evidence", "screens are told in any case"
        assert course.sent[-1].calls is calls_again


def test_what_is_kept_is_shown_and_what_it_is_first_of_all_comes_first() -> None:
    course = Course()
    seen(course, "vitals", HIGH, metric="heart_rate", device="watch-1")
    episode = seen(course, "sos", HIGH)
    assert text(episode, course.sent[-1], HOME) == {
        "zh-CN": "【紧急】301室 1床：呼救、请查看体征，再次触发",
        "en": "URGENT: Room 301, bed 1: call for help; look at the vital signs, again",
    }
    shown = view(episode, HOME)
    assert (shown["rule"], shown["kind"], shown["metric"], shown["device"]) == (
        "sos",
        "sos",
        "sos",
        "button-1",
    )
    assert shown["life_safety"] is True
    assert [one["subject"] for one in shown["subjects"]] == ["wang"]  # type: ignore[attr-defined]
    assert [(one["rule"], one["active"]) for one in shown["signs"]] == [("vitals", True), ("sos", True)]  # type: ignore[attr-defined]
    assert (episode.rule, episode.device) == ("vitals", "watch-1"), "the opening evidence is as it was"


def test_the_end_of_one_sign_is_not_the_end_of_the_others() -> None:
    course = Course()
    seen(course, "fall")
    seen(course, "vitals", MEDIUM)
    sent = len(course.sent)
    episode = seen(course, "vitals", MEDIUM, change=Change.CLEAR)
    cleared = course.told[-1]
    assert isinstance(cleared, Cleared)
    assert cleared.rule == "vitals"
    assert episode.active
    assert [(one.rule, one.cleared_at is None) for one in episode.subjects] == [("", True), ("vitals", False)]
    assert len(course.sent) == sent, "no screen says that all is well"
    assert standing(episode, HOME)["zh-CN"].endswith("：跌倒、请查看体征")
    episode = seen(course, "fall", change=Change.CLEAR)
    assert not episode.active
    assert [(one.subject, one.cleared_at) for one in episode.concerned] == [("wang", course.now)]
    assert course.sent[-1].reason == "cleared"


def test_an_end_is_of_what_its_own_rule_saw_last() -> None:
    course = Course()
    seen(course, "vitals", MEDIUM)
    ended = course.now + 1
    seen(course, "sos")
    course.decided(decision("over", rule="vitals", change=Change.CLEAR, at=ended))
    (episode,) = course.book.unresolved()
    assert [(one.rule, one.cleared_at) for one in episode.subjects] == [("", ended), ("sos", None)]
    told = len(course.told)
    course.decided(decision("over again", rule="vitals", change=Change.CLEAR, at=course.now))
    assert len(course.told) == told


def test_resolving_frees_every_rule_and_the_next_evidence_opens_another() -> None:
    course = Course()
    for rule in ("vitals", "fall", "sos"):
        first = seen(course, rule)
    course.acted(resolve(course.book, first.id, "Chen", "real", "", course.now))
    assert course.book.unresolved() == []
    assert course.book.emergency("wang", course.now) is None
    second = seen(course, "fall")
    assert second.id != first.id
    assert (second.signs, second.severity) == ((), HIGH)
    assert seen(course, "sos").id == second.id
    assert course.book.forget(course.now + 1) == 1
    assert course.book.open_for("sos", "wang") is not None


def test_a_sign_joins_the_emergency_that_was_attended_to_last() -> None:
    course = Course()
    first = seen(course, "fall")
    course.passed(WITHIN_MS)
    second = seen(course, "sos")
    assert second.id != first.id
    assert seen(course, "fall").id == first.id, "called anew: both stand"
    assert seen(course, "vitals", MEDIUM).id == first.id
    seen(course, "sos")
    assert seen(course, "news2", MEDIUM).id == second.id


@pytest.mark.parametrize("wait", [WITHIN_MS - 1_000, WITHIN_MS])
def test_half_an_hour_after_people_were_called_it_is_another_emergency(wait: int) -> None:
    course = Course()
    first = seen(course, "fall")
    course.passed(wait)
    second = seen(course, "vitals", MEDIUM)
    assert (second.id == first.id) is (wait < WITHIN_MS)
    assert course.told[-1].calls is (second.id != first.id)  # type: ignore[union-attr]


def test_what_joined_calls_for_itself_once_the_others_are_long_ago() -> None:
    course = Course()
    seen(course, "fall")
    seen(course, "vitals", MEDIUM)
    taken(course)
    course.passed(WITHIN_MS)
    seen(course, "vitals", MEDIUM)
    assert last(course).calls
    assert course.book.unresolved()[0].state is State.OPEN


def shelved(course: Course, rule: str, **about: object) -> None:
    asked = Shelving(rule=rule, subject="wang", for_ms=60 * MINUTE, by="Chen", reason="r", **about)  # type: ignore[arg-type]
    course.acted(shelve(course.book, asked, RULE_KINDS[rule], HOME, course.now))


@pytest.mark.parametrize("first", ["news2", "vitals"])
def test_r55_a_shelf_keeps_its_own_rule_quiet_and_no_other_in_the_same_alert(first: str) -> None:
    course = Course()
    for rule in (first, *({"news2", "vitals"} - {first})):
        seen(course, rule, MEDIUM)
    shelved(course, "vitals")
    assert isinstance(course.told[-1], SuspensionBegun), "people were called for the score, too"
    assert course.book.unresolved()[0].state is State.OPEN
    taken(course)
    seen(course, "vitals", MEDIUM)
    assert last(course).weight is Weight.SHELVED
    seen(course, "news2", HIGH)
    assert last(course).calls
    shelved(course, "vitals")
    assert course.book.unresolved()[0].state is State.OPEN, "nor does a shelf in the place of the first"
    taken(course)
    seen(course, "vitals", HIGH)
    assert last(course).calls, "nobody shelved what is worse than it was"
    seen(course, "sos")
    assert last(course).calls


def test_r55_a_shelf_in_the_place_of_another_leaves_a_joined_alert_open() -> None:
    course = Course()
    for rule in ("news2", "vitals"):
        seen(course, rule, MEDIUM)
    for number in range(2):
        shelved(course, "vitals")
        seen(course, "vitals", MEDIUM, device=f"watch-{number}")
        (episode,) = course.book.unresolved()
        assert (episode.state, last(course).weight) == (State.OPEN, Weight.SHELVED)
    assert episode.call is not None


def test_r55_what_is_shelved_joins_nothing_and_nothing_joins_it() -> None:
    course = Course()
    shelved(course, "vitals")
    quiet = seen(course, "vitals", MEDIUM)
    loud = seen(course, "sos")
    assert quiet.id != loud.id
    assert seen(course, "bed_exit", MEDIUM).id == loud.id
    assert seen(course, "vitals", MEDIUM).id == quiet.id
    shelved(course, "news2")
    assert seen(course, "news2", MEDIUM).id not in {quiet.id, loud.id}
    course.passed(60 * MINUTE)
    assert course.book.open_for("vitals", "wang").state is State.OPEN  # type: ignore[union-attr]


@pytest.mark.parametrize("over", [False, True])
def test_r55_at_the_end_of_a_shelf_people_are_called_for_what_it_kept_quiet_if_that_still_holds(
    over: bool,
) -> None:
    course = Course()
    seen(course, "sos")
    seen(course, "vitals", MEDIUM)
    shelved(course, "vitals")
    taken(course)
    seen(course, "vitals", MEDIUM)
    if over:
        seen(course, "vitals", MEDIUM, change=Change.CLEAR)
    before = len(course.calls)
    course.passed(60 * MINUTE)
    assert len(course.calls) - before == (not over)
    assert course.book.unresolved()[0].state is (State.ACKNOWLEDGED if over else State.OPEN)


def test_r55_a_shelf_for_once_ends_with_what_it_was_for_and_not_with_the_whole_emergency() -> None:
    course = Course()
    seen(course, "sos")
    seen(course, "vitals", MEDIUM)
    shelved(course, "vitals", once=True)
    seen(course, "vitals", MEDIUM)
    assert course.book.suspensions.holding() != []
    seen(course, "vitals", MEDIUM, change=Change.CLEAR)
    assert course.book.suspensions.holding() == []
    assert course.book.unresolved()[0].active


def test_r48_a_rule_that_chatters_latches_alone() -> None:
    course = Course()
    for _ in range(3):
        seen(course, "bed_exit", HIGH)
    seen(course, "bed_exit", HIGH)
    assert last(course).weight is Weight.LATCHED
    seen(course, "fall")
    assert last(course).calls
    for _ in range(5):
        seen(course, "sos")
        assert last(course).calls


def test_a_call_about_life_in_a_lesser_alert_begins_calling_anew() -> None:
    course = Course()
    seen(course, "vitals", HIGH)
    since = course.now
    episode = seen(course, "news2", HIGH)
    assert episode.call is not None
    assert episode.call.since == since, "the ladder goes on"
    episode = seen(course, "sos", HIGH)
    assert episode.call is not None
    assert episode.call.since == course.now


def test_an_alert_of_several_rules_is_recorded_and_read_again_and_so_is_one_from_before() -> None:
    course = Course()
    for rule in ("vitals", "fall", "sos"):
        episode = seen(course, rule, metric="heart_rate" if rule == "vitals" else "")
    assert load_episode(dump_episode(episode)) == episode
    course.restart()
    assert course.book.unresolved() == [episode]
    assert seen(course, "sos").id == episode.id
    old = orjson.loads(dump_episode(episode))
    del old["signs"]
    for one in old["subjects"]:
        del one["rule"]
    assert load_episode(orjson.dumps(old)).foremost.kind == "vitals"
    added = next(event for event in course.told if isinstance(event, EvidenceAdded))
    before = orjson.loads(dump_event(added))
    for name in ("rule", "kind", "cause"):
        del before[name]
    found = load_event(orjson.dumps(before))
    assert isinstance(found, EvidenceAdded)
    assert found.rule == ""


def test_calls_are_counted_by_the_rule_that_saw_something() -> None:
    course = Course()
    told = []
    for rule in ("vitals", "fall", "news2"):
        episode = seen(course, rule, HIGH)
        event = course.told[-1]
        assert isinstance(event, (Opened, EvidenceAdded))
        told.append((event, episode))
    assert [call.rule for call in calls(told)] == ["vitals", "fall", "news2"]
    assert [episode.kind_of(event) for event, episode in told] == ["vitals", "fall", "news2"]
