"""Shelving and maintenance (R-55, R-57, R-58): limits, ends, and that nobody in need is ever kept quiet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.acts import (
    Maintenance,
    Refusal,
    Refused,
    Shelving,
    acknowledge,
    end_suspension,
    resolve,
    shelve,
    take_out_of_service,
)
from alerts.event import Outcome, State, SuspensionBegun, SuspensionEnded
from rules.decision import Change, Severity
from rules.kinds import KINDS
from tests.alerts.course import Course
from tests.alerts.decisions import HOME, decision

HOUR = 3_600_000


def asked(**about: object) -> Shelving:
    given = {
        "rule": "bed_exit",
        "subject": "wang",
        "for_ms": HOUR,
        "by": "Chen",
        "reason": "bath",
    }
    return Shelving(**(given | about))  # type: ignore[arg-type]


def shelved(course: Course, **about: object) -> SuspensionBegun:
    act = asked(**about)
    events = course.acted(shelve(course.book, act, KINDS.get(act.rule), HOME, course.now))
    begun = events[0]
    assert isinstance(begun, SuspensionBegun)
    return begun


def serviced(course: Course, device: str = "button-1", site: str = "s1") -> SuspensionBegun:
    act = Maintenance(site=site, device=device, for_ms=HOUR, by="Zhou", reason="new battery")
    events = course.acted(take_out_of_service(course.book, act, course.now))
    assert isinstance(events[0], SuspensionBegun)
    return events[0]


def out_of_bed(
    course: Course, key: str = "k1", change: Change = Change.RAISE, **about: object
) -> State | None:
    """Wang is out of bed, or back in it; how the alert stands."""
    given = {"severity": Severity.MEDIUM, "rule": "bed_exit", "change": change, "at": course.now} | about
    episode = course.decided(decision(key, **given))  # type: ignore[arg-type]
    return episode and episode.state


def test_r55_what_is_shelved_is_kept_and_counted_and_calls_nobody() -> None:
    course = Course()
    begun = shelved(course)
    for number in range(5):
        assert out_of_bed(course, f"k{number}") is State.SHELVED
    (episode,) = course.book.unresolved()
    assert (episode.evidence, episode.held, course.calls) == (5, begun.suspension, [])


def test_r55_displays_are_told_when_what_is_shelved_is_over_and_begins_again() -> None:
    course = Course()
    shelved(course)
    for number in range(2):
        out_of_bed(course, f"k{number}")
        course.now += 1
        out_of_bed(course, f"more{number}")
        course.now += 1
        out_of_bed(course, f"end{number}", Change.CLEAR)
        course.now += 1
    reasons = [note.reason.value for note in course.sent]
    assert reasons == ["opened", "cleared", "evidence", "cleared"]
    assert course.calls == []


def test_r55_a_shelf_ends_by_itself_and_what_still_holds_is_raised() -> None:
    course = Course()
    shelved(course)
    out_of_bed(course)
    course.passed(HOUR - 1)
    assert course.calls == []
    course.passed(1)
    (episode,) = course.book.unresolved()
    assert (episode.state, episode.held, len(course.calls)) == (State.OPEN, "", 1)
    assert course.calls[0].age_ms == HOUR, "it says since when"
    assert out_of_bed(course, "k2") is State.OPEN
    assert len(course.calls) == 2


def test_r55_what_was_over_before_the_shelf_ended_is_closed_by_who_shelved_it() -> None:
    course = Course()
    shelved(course, reason="bath")
    out_of_bed(course)
    course.now += 1
    out_of_bed(course, "end", Change.CLEAR)
    (before,) = course.book.unresolved()
    course.passed(HOUR)
    after = course.book.get(before.id)
    assert after is not None
    assert (after.state, after.resolved_by, after.outcome, after.note) == (
        State.RESOLVED,
        "Chen",
        Outcome.NO_ACTION,
        "bath",
    )
    assert course.calls == []


def test_r55_an_alert_that_calls_already_is_shelved_and_raised_again_at_the_end() -> None:
    course = Course()
    out_of_bed(course)
    shelved(course)
    assert course.book.unresolved()[0].state is State.SHELVED
    course.passed(HOUR)
    assert course.book.unresolved()[0].state is State.OPEN
    assert len(course.calls) == 2


def test_r55_who_has_taken_charge_keeps_it_and_is_called_for_what_came_under_the_shelf() -> None:
    course = Course()
    out_of_bed(course)
    alert = course.book.unresolved()[0].id
    course.acted(acknowledge(course.book, alert, "Chen", course.now))
    shelved(course)
    assert course.book.unresolved()[0].state is State.ACKNOWLEDGED
    assert out_of_bed(course, "k2") is State.ACKNOWLEDGED
    course.passed(HOUR)
    assert course.book.unresolved()[0].state is State.OPEN


def test_r55_a_one_shot_shelf_ends_with_the_condition() -> None:
    course = Course()
    begun = shelved(course, once=True)
    assert out_of_bed(course) is State.SHELVED
    course.now += 1
    out_of_bed(course, "end", Change.CLEAR)
    assert course.book.unresolved() == []
    assert course.book.suspensions.get(begun.suspension) is None
    assert out_of_bed(course, "k2") is State.OPEN


def test_r55_a_one_shot_shelf_has_the_same_limit() -> None:
    course = Course()
    shelved(course, once=True, for_ms=8 * HOUR)
    out_of_bed(course)
    course.passed(8 * HOUR)
    assert course.book.unresolved()[0].state is State.OPEN


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"by": " "}, Refusal.MISSING_NAME),
        ({"reason": " "}, Refusal.MISSING_REASON),
        ({"for_ms": 0}, Refusal.BAD_SCOPE),
        ({"for_ms": 8 * HOUR + 1}, Refusal.TOO_LONG),
        ({"subject": ""}, Refusal.BAD_SCOPE),
        ({"rule": "nonsense"}, Refusal.UNKNOWN_RULE),
        ({"subject": "wnag"}, Refusal.UNKNOWN_SUBJECT),
        ({"rule": "sos"}, Refusal.LIFE_SAFETY),
        ({"rule": "fall"}, Refusal.LIFE_SAFETY),
        ({"rule": "long_lie"}, Refusal.LIFE_SAFETY),
        ({"rule": "environment"}, Refusal.LIFE_SAFETY),
        ({"rule": "environment", "cause": "smoke:kitchen"}, Refusal.LIFE_SAFETY),
        ({"rule": "environment", "cause": "carbon_monoxide:kitchen"}, Refusal.LIFE_SAFETY),
        ({"rule": "environment", "cause": "gas:kitchen"}, Refusal.LIFE_SAFETY),
    ],
)
def test_r55_what_cannot_be_shelved_is_refused_and_changes_nothing(
    about: dict[str, object], why: Refusal
) -> None:
    course = Course()
    act = asked(**about)
    refused = shelve(course.book, act, KINDS.get(act.rule), HOME, course.now)
    assert isinstance(refused, Refused)
    assert refused.why is why
    assert course.book.suspensions.holding() == []


def test_r55_a_longer_shelf_is_refused_with_the_limit() -> None:
    course = Course()
    refused = shelve(course.book, asked(for_ms=9 * HOUR), KINDS["bed_exit"], HOME, course.now)
    assert isinstance(refused, Refused)
    assert refused.message.startswith("at most 8 h")


def test_r55_water_may_be_shelved_and_smoke_in_the_same_kitchen_still_calls() -> None:
    course = Course()
    shelved(course, rule="environment", subject="", cause="water_leak:kitchen")
    water = {"rule": "environment", "subject": "kitchen", "severity": Severity.MEDIUM, "at": course.now}
    course.decided(decision("w", metric="water_leak", cause="water_leak:kitchen", **water))  # type: ignore[arg-type]
    assert course.calls == []
    course.decided(decision("s", metric="smoke", cause="smoke:kitchen", **water))  # type: ignore[arg-type]
    assert len(course.calls) == 1


def test_r55_another_shelf_for_the_same_replaces_the_first_and_what_is_under_it_stays_there() -> None:
    course = Course()
    first = shelved(course)
    out_of_bed(course)
    course.now += HOUR // 2
    second = shelved(course, by="Zhou")
    assert [one.suspension for one in course.book.suspensions.holding()] == [second.suspension]
    assert second.suspension != first.suspension
    course.passed(HOUR - 1)
    assert course.book.unresolved()[0].state is State.SHELVED
    course.passed(1)
    assert course.book.unresolved()[0].state is State.OPEN


def test_r55_a_person_may_end_it_sooner_once() -> None:
    course = Course()
    begun = shelved(course)
    out_of_bed(course)
    course.acted(end_suspension(course.book, begun.suspension, "Zhou", course.now))
    assert course.book.unresolved()[0].state is State.OPEN
    assert end_suspension(course.book, begun.suspension, "Zhou", course.now) == []
    for refused in (
        end_suspension(course.book, begun.suspension, " ", course.now),
        end_suspension(course.book, "none", "Zhou", course.now),
    ):
        assert isinstance(refused, Refused)


def test_r55_what_is_worse_than_what_was_shelved_calls() -> None:
    course = Course()
    shelved(course)
    out_of_bed(course)
    assert out_of_bed(course, "k2", severity=Severity.HIGH) is State.OPEN
    assert len(course.calls) == 1


def test_r55_a_shelf_is_of_one_rule_and_one_person() -> None:
    course = Course()
    shelved(course)
    assert out_of_bed(course, subject="li") is State.OPEN
    assert out_of_bed(course, "k2", rule="wandering") is State.OPEN


def test_r55_a_person_may_take_charge_of_what_is_shelved_or_close_it() -> None:
    course = Course()
    shelved(course)
    out_of_bed(course)
    alert = course.book.unresolved()[0].id
    course.acted(acknowledge(course.book, alert, "Zhou", course.now))
    course.passed(HOUR)
    assert course.book.unresolved()[0].state is State.ACKNOWLEDGED, "Zhou saw all there was"
    course.acted(resolve(course.book, alert, "Zhou", "real", "", course.now))
    assert course.book.unresolved() == []


def test_r57_a_device_in_maintenance_calls_nobody_but_for_help() -> None:
    course = Course()
    serviced(course)
    assert out_of_bed(course) is State.OUT_OF_SERVICE
    assert out_of_bed(course, "k2", subject="li", device="pad-2") is State.OPEN
    for number, (rule, metric) in enumerate((("sos", "sos"), ("fall", "fall"), ("environment", "smoke"))):
        episode = course.decided(decision(f"l{number}", rule=rule, metric=metric, at=course.now))
        assert episode is not None
        assert episode.state is State.OPEN
    course.passed(HOUR)
    assert {episode.state for episode in course.book.unresolved()} == {State.OPEN}


def test_r57_a_device_of_the_same_name_elsewhere_is_not_out_of_service() -> None:
    course = Course()
    serviced(course, site="s2")
    assert out_of_bed(course) is State.OPEN


def test_r57_under_two_suspensions_it_is_quiet_until_the_later_ends() -> None:
    course = Course()
    shelved(course)
    out_of_bed(course)
    course.now += HOUR // 2
    serviced(course)
    out_of_bed(course, "k2")
    course.passed(HOUR // 2)
    assert course.book.unresolved()[0].state is State.OUT_OF_SERVICE
    course.passed(HOUR)
    assert course.book.unresolved()[0].state is State.OPEN


def test_r57_smoke_brings_an_alert_out_of_a_shelf_for_good() -> None:
    course = Course()
    shelved(course, rule="climate")
    seen = {"rule": "climate", "at": course.now}
    course.decided(decision("k1", metric="humidity", **seen))  # type: ignore[arg-type]
    assert course.book.unresolved()[0].state is State.SHELVED
    course.decided(decision("k2", metric="smoke", **seen))  # type: ignore[arg-type]
    assert course.book.unresolved()[0].state is State.OPEN
    shelved(course, rule="climate", by="Zhou")
    assert course.book.unresolved()[0].state is State.OPEN


STEPS = st.lists(st.sampled_from(["raise", "clear", "shelve", "service", "wait", "ack"]), max_size=14)


@given(STEPS, st.integers(0, 20))
def test_a_restart_at_any_point_changes_nothing_and_doubles_nothing(steps: list[str], crash: int) -> None:
    through, broken = Course(), Course()
    for number, step in enumerate(steps):
        for course in (through, broken):
            if course is broken and number == crash:
                course.restart()
            _step(course, step, number)
    for course in (through, broken):
        course.passed(25 * HOUR)
    assert broken.told == through.told
    assert broken.sent == through.sent
    assert all(episode.state in {State.OPEN, State.ACKNOWLEDGED} for episode in through.book.unresolved())


def _step(course: Course, step: str, number: int) -> None:
    course.now += 1_000
    match step:
        case "raise" | "clear":
            change = Change.RAISE if step == "raise" else Change.CLEAR
            out_of_bed(course, f"k{number}", change)
        case "shelve":
            shelved(course, once=number % 2 == 0)
        case "service":
            serviced(course)
        case "wait":
            course.passed(HOUR)
        case _:
            for episode in course.book.unresolved():
                course.acted(acknowledge(course.book, episode.id, "Chen", course.now))


def test_an_ended_suspension_is_forgotten_with_the_rest() -> None:
    course = Course()
    begun = shelved(course)
    course.passed(HOUR)
    assert any(isinstance(event, SuspensionEnded) for event in course.told)
    course.book.forget(course.now)
    assert course.book.suspensions.knows(begun.suspension)
    course.book.forget(course.now + 1)
    assert not course.book.suspensions.knows(begun.suspension)
