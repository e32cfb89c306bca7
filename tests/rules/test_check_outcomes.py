"""How each check ends: in time, late, missed, paused, substituted, without its proof; and who made it."""

from dataclasses import replace

import pytest

from devices.registry import Registry, Resident, Risk, RiskLevel, VisitTier
from rules.configuration import default
from rules.decision import Change, Decision
from rules.engine import Engine
from rules.ruleset import RuleSet
from tests.rules.checks import (
    AFTER,
    DAILY,
    EVENING,
    MONTHLY,
    ROUNDS,
    absent,
    ends,
    engine,
    record,
    told,
    visit,
)
from tests.rules.home import DAY, HOME, HOUR, MINUTE, SECOND, called, heard, local


def test_r77_who_made_a_round_when_and_with_which_proof_is_recorded() -> None:
    watch = engine(ROUNDS)
    made = local("2025-11-22 22:30")
    done = record(watch.observe(visit(made, by="nurse-3", detail="NFC tag 7")))
    assert done.evidence.key == f"round|wang|{local('2025-11-22 23:00')}|done"
    assert done.facts == {
        "check": "visit",
        "outcome": "done",
        "due_ms": local("2025-11-22 23:00"),
        "place": "room-1",
        "refused": 0,
        "done_ms": made,
        "by": "nurse-3",
        "proof": "nfc",
        "metric": "visit",
        "device": "scanner",
    }


def test_what_a_note_says_besides_the_proof_is_nowhere() -> None:
    made = engine(ROUNDS).observe(visit(local("2025-11-22 22:30"), detail="restless, BP 180"))
    assert record(made).facts["proof"] == ""
    assert "restless" not in repr([decision.facts for decision in made])


def test_r78_every_round_of_a_night_ends_in_one_outcome() -> None:
    watch = engine(ROUNDS)
    decisions = watch.observe(visit(local("2025-11-22 22:30")))
    decisions += watch.observe(visit(local("2025-11-23 00:41")))  # within the grace of a tenth
    decisions += watch.observe(visit(local("2025-11-23 03:00")))  # after it
    decisions += watch.tick(local("2025-11-23 12:00"))
    assert ends(decisions) == {
        "11-22 23:00": "done",
        "11-23 00:30": "done",
        "11-23 02:41": "late",
        "11-23 04:41": "done",
        "11-23 05:00": "missed",
        "11-23 07:00": "missed",
    }


def test_a_badge_at_the_bed_stands_for_a_round_and_once_only_while_it_stays() -> None:
    watch = engine(ROUNDS)
    at = local("2025-11-22 22:30")
    decisions = [
        d
        for n in range(10)
        for d in watch.observe(visit(at + n * MINUTE, metric="staff_present", by="nurse-1"))
    ]
    assert ends(decisions) == {"11-22 23:00": "substituted"}
    assert ends(watch.tick(local("2025-11-23 01:00"))) == {"11-23 00:39": "missed"}, "counts from the last"


def test_a_round_by_day_is_none_of_the_nights() -> None:
    watch = engine(ROUNDS)
    assert ends(watch.observe(visit(local("2025-11-22 20:30")))) == {}
    assert ends(watch.tick(local("2025-11-22 23:30"))) == {"11-22 23:00": "missed"}


def test_a_round_made_in_time_and_reported_40_minutes_late_was_in_time() -> None:
    watch = engine(ROUNDS)
    decisions = watch.observe(visit(local("2025-11-22 22:50"), delay=40 * MINUTE, late=True))
    assert [(d.change.value, d.facts.get("outcome", "")) for d in decisions if d.subject == "wang"] == [
        ("record", "missed"),
        ("raise", ""),
        ("record", "done"),
        ("clear", ""),
    ]
    assert ends(watch.tick(local("2025-11-23 01:02"))) == {"11-23 00:50": "missed"}


def test_an_old_report_puts_right_its_own_round_and_hides_no_other() -> None:
    watch = engine(ROUNDS)
    missed = watch.tick(local("2025-11-23 02:00"))
    assert ends(missed) == {"11-22 23:00": "missed", "11-23 01:00": "missed"}
    reported = watch.observe(visit(local("2025-11-22 22:00"), delay=4 * HOUR, late=True))
    assert ends(reported) == {"11-22 23:00": "done"}
    assert not called(reported), "who is overdue now stays so"


def test_proof_that_is_asked_for_and_not_given_settles_nothing_and_is_said() -> None:
    watch = engine(ROUNDS + 'proof = ["nfc", "qr"]\nwho = ["nurse-*", "dr-wu"]')
    at = local("2025-11-22 22:30")
    bare = watch.observe(visit(at, by="nurse-3", detail="button"))
    assert record(bare).facts["outcome"] == "unproven"
    stranger = watch.observe(visit(at + MINUTE, by="visitor", detail="nfc"))
    assert record(stranger).facts["refused"] == 2
    (raised,) = [d for d in called(watch.tick(local("2025-11-22 23:12"))) if d.subject == "wang"]
    assert raised.facts["refused"] == 2
    again = [d for d in watch.observe(visit(local("2025-11-22 23:20"))) if d.change is Change.NOTE]
    assert [d.facts["why"] for d in again] == ["not_entitled"], "said in the open alert, and nobody is called"
    done = watch.observe(visit(local("2025-11-22 23:30"), by="dr-wu", detail="qr:7"))
    assert ends(done) == {"11-22 23:00": "late", "11-23 01:00": "done"}
    assert [d.change for d in called(done)] == [Change.CLEAR]


@pytest.mark.parametrize(
    ("proof", "by", "detail", "counts"),
    [
        ("staff", "nurse-1", "", True),
        ("staff", "", "nfc", False),
        ("gps", "", "gps", True),
        ("card", "", "Card 12", True),
        ("card", "nurse-1", "", False),
        ("nfc", "", "an nfc tag was there", False),
    ],
)
def test_what_counts_as_proof(proof: str, by: str, detail: str, counts: bool) -> None:
    watch = engine(ROUNDS + f'proof = "{proof}"')
    made = watch.observe(visit(local("2025-11-22 22:30"), by=by, detail=detail))
    assert record(made).facts["outcome"] == ("done" if counts else "unproven")


def test_r82_one_missed_check_in_is_told_again_and_more_urgently() -> None:
    text = DAILY + 'overdue = ["0min low", "15min medium", "30min medium", "60min high"]'
    decisions = engine(text).tick(local("2025-11-23 20:00"))
    mine = [d for d in decisions if d.subject == "wang"]
    assert told(mine) == [("09:30", "low"), ("09:45", "medium"), ("10:00", "medium"), ("10:30", "high")]
    assert len({d.evidence.key for d in mine}) == 5, "each its own evidence, in one episode"
    assert {d.cause for d in mine} == {"wang"}
    assert {d.facts["missed_in_a_row"] for d in called(mine)} == {1}
    assert ends(mine) == {"11-23 09:30": "missed"}


def test_r82_a_check_in_after_the_reminder_is_in_time_and_ends_it() -> None:
    watch = engine(DAILY + 'overdue = ["0min low", "15min medium"]')
    watch.tick(local("2025-11-23 09:30"))
    made = watch.observe(visit(local("2025-11-23 09:40"), metric="check_in"))
    assert ends(made) == {"11-23 09:30": "done"}
    assert [d.change for d in called(made)] == [Change.CLEAR]
    assert told(watch.tick(local("2025-11-24 09:29"))) == []


def test_r82_only_who_did_not_confirm_is_followed_up_and_a_substitute_confirms() -> None:
    watch = engine(DAILY + 'also = ["sos", "medication_taken"]')
    watch.observe(visit(local("2025-11-23 08:00"), metric="medication_taken"))
    pressed = watch.observe(visit(local("2025-11-23 08:30"), "zhao", metric="sos"))
    assert ends(pressed, "zhao") == {"11-23 09:30": "substituted"}
    assert any(d.rule == "sos" and d.change is Change.RAISE for d in pressed), "the call itself goes as ever"
    assert {d.subject for d in called(watch.tick(local("2025-11-23 12:00")))} == {"li"}, "and Berlin sleeps"


def test_a_daily_check_is_late_until_the_next_window_opens_and_missed_from_then_on() -> None:
    watch = engine(DAILY)
    watch.tick(local("2025-11-23 12:00"))
    assert ends(watch.observe(visit(local("2025-11-24 04:59"), metric="check_in"))) == {"11-23 09:30": "late"}
    watch.tick(local("2025-11-25 04:59"))
    made = watch.observe(visit(local("2025-11-25 05:00"), metric="check_in"))
    assert ends(made) == {"11-25 09:30": "done"}
    assert [d.change for d in called(made)] == [Change.CLEAR]


NEEDS = Registry.of(
    places=HOME.places.values(),
    residents=[
        Resident("wang", "room-1", risks={Risk.PRESSURE_ULCER: RiskLevel.HIGH}),
        Resident("li", "bed-2", risks={Risk.PRESSURE_ULCER: RiskLevel.MEDIUM}),
        Resident("zhao", "room-2", visit_tier=VisitTier.HIGH),
        Resident("key", "room-2", visit_tier=VisitTier.KEY),
        Resident("general", "room-2", visit_tier=VisitTier.GENERAL),
    ],
)


def of_default(*names: str) -> RuleSet:
    return RuleSet(tuple(one for one in default() if one.id in names))


def test_r76_turning_follows_the_risk_and_overdue_means_25_and_50_percent() -> None:
    watch = Engine(of_default("turning"), NEEDS, local("2025-11-23 00:00"))
    decisions = watch.tick(local("2025-11-23 06:30"))
    assert told(decisions) == [("05:00", "low"), ("06:00", "medium")], "due at 04:00"
    assert told(decisions, "li") == [], "due at 06:00"
    assert told(watch.tick(local("2025-11-23 09:00")), "li") == [("07:30", "low"), ("09:00", "medium")]
    assert {d.subject for d in decisions} == {"wang"}, "nobody else is turned"


def test_r76_a_turn_that_the_bed_saw_resets_the_timer() -> None:
    watch = Engine(of_default("turning"), NEEDS, local("2025-11-23 00:00"))
    seen = heard("bed", "turned", local("2025-11-23 03:30"), resident="wang")
    assert ends(watch.observe(seen)) == {"11-23 04:00": "done"}
    assert told(watch.tick(local("2025-11-23 09:00"))) == [("08:30", "low")], "due at 07:30"


def test_r83_visits_by_tier_weekly_monthly_quarterly() -> None:
    watch = Engine(of_default("community-visit"), NEEDS, local("2025-12-30 00:00"))
    decisions = watch.tick(local("2026-04-01 00:00"))
    assert len(ends(decisions, "zhao")) == 13, "thirteen Sundays"
    assert list(ends(decisions, "key")) == ["12-31 18:00", "01-31 18:00", "02-28 18:00", "03-31 18:00"]
    assert list(ends(decisions, "general")) == ["12-31 18:00", "03-31 18:00"]
    assert not ends(decisions, "wang"), "she is nobody's to visit"


def test_r83_a_visit_within_24_hours_of_the_return_from_hospital() -> None:
    watch = Engine(of_default("visit-after-change"), NEEDS, local("2025-11-23 00:00"))
    for word, at in (("hospital", "2025-11-23 10:00"), ("present", "2025-11-28 10:00")):
        watch.observe(heard("desk", "absence", local(at), word, resident="key"))
    late = watch.tick(local("2025-11-29 10:00"))
    assert told(late, "key") == [("10:00", "medium")]
    assert ends(late, "key") == {"11-29 10:00": "missed"}
    made = watch.observe(visit(local("2025-11-29 11:00"), "key", by="carer"))
    assert ends(made, "key") == {"11-29 10:00": "late"}
    assert not ends(watch.tick(local("2025-12-20 00:00")), "key"), "once for each change"


def test_r83_leave_is_no_major_change_and_a_visit_in_time_is_one() -> None:
    watch = Engine(of_default("visit-after-change"), NEEDS, local("2025-11-23 00:00"))
    for word, at in (("leave", "2025-11-23 10:00"), ("present", "2025-11-24 10:00")):
        watch.observe(heard("desk", "absence", local(at), word, resident="key"))
    assert not watch.tick(local("2025-11-27 00:00"))
    watch.observe(heard("radar", "fall", local("2025-11-27 08:00"), resident="key"))
    made = watch.observe(visit(local("2025-11-27 20:00"), "key"))
    assert ends(made, "key") == {"11-28 08:00": "done"}
    assert not called(watch.tick(local("2025-12-20 00:00")))


def test_r73_eleven_observations_after_a_fall_each_with_its_own_alarm() -> None:
    watch = engine(AFTER, local("2025-11-23 07:00"))
    assert not watch.tick(local("2025-11-23 08:00"))
    watch.observe(heard("radar", "fall", local("2025-11-23 08:00"), resident="wang"))
    decisions = watch.tick(local("2025-11-24 12:00"))
    hours = "08:30 09:00 09:30 10:00 11:00 12:00 13:00 14:00 16:00 18:00 20:00".split()
    assert ends(decisions) == {f"11-23 {hour}": "missed" for hour in hours}
    assert len(told([d for d in decisions if d.rule == "after"])) == 11


def test_r73_an_observation_settles_one_task_and_deterioration_begins_anew() -> None:
    watch = engine(AFTER, local("2025-11-23 07:00"))
    watch.observe(heard("radar", "fall", local("2025-11-23 08:00"), resident="wang"))

    def looked(at: str, word: str) -> list[Decision]:
        return watch.observe(
            visit(local(f"2025-11-23 {at}"), metric="consciousness", value=word, by="nurse-1")
        )

    assert ends(looked("08:28", "A")) == {"11-23 08:30": "done"}
    assert ends(looked("08:35", "A")) == {}, "once more is not the next one"
    assert ends(looked("08:58", "A")) == {"11-23 09:00": "done"}
    assert ends(looked("09:30", "V")) == {"11-23 09:30": "done"}
    assert ends(watch.tick(local("2025-11-23 11:40")))["11-23 10:00"] == "missed", "half-hourly again"


def test_r73_a_detector_that_repeats_itself_puts_nothing_off() -> None:
    watch = engine(AFTER, local("2025-11-23 07:00"))
    decisions = []
    for minute in range(0, 40, 5):
        at = local("2025-11-23 08:00") + minute * MINUTE
        decisions += watch.observe(heard("radar", "fall", at, resident="wang"))
    assert ends(decisions) == {"11-23 08:30": "missed"}


def test_r84_medicine_is_asked_for_where_its_times_are_given_only() -> None:
    assert Engine(of_default("medication"), NEEDS, EVENING).tick(EVENING + 3 * DAY) == []
    text = """
    [[rule]]
    id = "medication"
    kind = "missed_check"
    check = "medication_taken"
    enabled = false
    by = "08:00"
    grace = "30min"
    [rule.resident.wang]
    enabled = true
    by = ["08:00", "20:00"]
    """
    watch = engine(text)
    watch.observe(visit(local("2025-11-23 07:30"), metric="medication_taken"))
    watch.observe(visit(local("2025-11-23 08:40"), metric="medication_taken"))
    decisions = watch.tick(local("2025-11-24 07:00"))
    assert ends(decisions) == {"11-23 20:00": "missed"}, "a dose too many in the morning is not the evening's"
    assert {d.subject for d in decisions} == {"wang"}


def test_r84_a_dose_that_the_dispenser_reports_as_missed_is_told_unless_taken_soon() -> None:
    watch = Engine(of_default("medication-missed"), HOME, EVENING)
    for who in ("wang", "li"):
        watch.observe(visit(EVENING, who, metric="medication_missed"))
    assert ends(watch.observe(visit(EVENING + 4 * MINUTE, "li", metric="medication_taken")), "li") == {
        "11-22 20:10": "done"
    }
    late = watch.tick(EVENING + DAY)
    assert [(d.subject, d.at) for d in called(late)] == [("wang", EVENING + 10 * MINUTE)]


def test_a_rule_from_the_first_check_on_asks_nobody_who_never_made_one() -> None:
    watch = Engine(of_default("button-test"), HOME, EVENING)
    assert watch.tick(EVENING + 30 * DAY) == []
    first = EVENING + 30 * DAY + HOUR
    assert watch.observe(visit(first, metric="device_test")) == []
    used = watch.observe(visit(first + 6 * DAY, metric="sos"))
    assert [d.facts["outcome"] for d in used if d.change is Change.RECORD] == ["substituted"]
    late = watch.tick(first + 14 * DAY)
    assert [(d.subject, d.severity) for d in called(late)] == [("wang", "low")]


def test_while_she_is_in_hospital_rounds_pass_as_paused_and_what_was_overdue_is_so_no_longer() -> None:
    watch = engine(ROUNDS)
    watch.tick(local("2025-11-22 23:30"))
    gone = watch.observe(absent("hospital", local("2025-11-22 23:40"))) + watch.tick(
        local("2025-11-22 23:41")
    )
    assert [(d.change, d.evidence.metric) for d in gone if d.subject == "wang"] == [(Change.CLEAR, "absence")]
    night = watch.tick(local("2025-11-23 12:00"))
    assert set(ends(night).values()) == {"paused"}
    assert not [d for d in called(night) if d.subject == "wang"]
    watch.observe(absent("present", local("2025-11-23 12:00")))
    assert ends(watch.tick(local("2025-11-23 23:30"))) == {"11-23 23:00": "missed"}


def test_a_return_that_is_said_late_takes_back_no_round_made_since() -> None:
    watch = engine(ROUNDS)
    watch.observe(absent("leave", local("2025-11-22 20:30")))
    watch.observe(visit(local("2025-11-22 22:30")))
    watch.observe(
        absent("present", local("2025-11-22 21:30"))._replace(received_at=local("2025-11-22 22:40"))
    )
    assert ends(watch.tick(local("2025-11-23 01:00"))) == {"11-23 00:30": "missed"}


def test_r83_from_hospital_on_leave_the_return_is_yet_to_come() -> None:
    watch = Engine(of_default("visit-after-change"), NEEDS, local("2025-11-23 00:00"))
    for day, word in ((23, "hospital"), (25, "leave"), (27, "present")):
        watch.observe(absent(word, local(f"2025-11-{day} 10:00"), "key"))
    assert ends(watch.tick(local("2025-12-20 00:00")), "key") == {"11-28 10:00": "missed"}


def test_only_what_the_rule_names_pauses_it() -> None:
    watch = engine(ROUNDS + 'pause = ["hospital"]')
    watch.observe(absent("leave", local("2025-11-22 20:30")))
    assert ends(watch.tick(local("2025-11-22 23:30"))) == {"11-22 23:00": "missed"}


def test_days_on_which_nobody_comes_pass_as_paused() -> None:
    watch = engine(MONTHLY + 'closed = ["2025-11-29/2025-12-01"]')
    assert ends(watch.tick(local("2026-01-01 01:00"))) == {"11-30 18:00": "paused", "12-31 18:00": "missed"}


def test_a_rule_changed_in_the_middle_keeps_what_was_done_and_what_was_missed() -> None:
    before = engine(ROUNDS)
    before.observe(visit(local("2025-11-22 22:00")))
    assert ends(before.tick(local("2025-11-23 00:12"))) == {"11-23 00:00": "missed"}
    after = engine(
        ROUNDS.replace("2h", "1h") + 'overdue = ["20min medium", "40min high"]', EVENING + 5 * HOUR
    )
    after.restore(before.dirty())
    made = after.observe(visit(local("2025-11-23 01:05")))
    assert ends(made)["11-23 00:00"] == "late"
    assert [d.change for d in called(made)] == [Change.CLEAR]


def test_leave_in_the_registry_is_leave() -> None:
    away = Registry.of(HOME.places.values(), [replace(HOME.residents["wang"], away=True)])
    assert set(ends(engine(ROUNDS, registry=away).tick(EVENING + DAY)).values()) == {"paused"}


def test_seconds_do_not_matter_to_a_round_at_the_very_deadline() -> None:
    watch = engine(ROUNDS)
    deadline = local("2025-11-22 23:12")
    assert ends(watch.observe(visit(deadline - SECOND))) == {"11-22 23:00": "done"}
