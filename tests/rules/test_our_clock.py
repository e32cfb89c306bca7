"""Our own clock was years ahead and is put right: nothing sleeps till then, nothing is believed for it."""

import re

import pytest

from rules.configuration import default
from rules.decision import Change
from rules.engine import Engine
from tests.rules.home import DAY, HOME, HOUR, MINUTE, SECOND, heard, local, rules

NOW = local("2025-11-22 19:00")
AHEAD = NOW + 400 * DAY


def rewound(text: str) -> Engine:
    """An engine that heard everybody in the future, and was then put right."""
    engine = Engine(rules(text), HOME, NOW)
    for device in ("watch", "band", "pendant", "bed"):
        engine.observe(heard(device, "heart_rate", AHEAD, 70.0))
    engine.begin_again(NOW)
    return engine


def test_silence_is_noticed_by_the_right_time() -> None:
    engine = rewound('[[rule]]\nid = "u"\nkind = "unprotected"')
    raised = [d for d in engine.tick(NOW + 90 * SECOND) if d.subject == "wang" and d.at <= NOW + HOUR]
    assert [(d.change, d.at - NOW) for d in raised] == [(Change.RAISE, 90 * SECOND)]


def test_a_round_is_due_by_the_right_time() -> None:
    every = 'kind = "missed_check"\ncheck = "visit"\nevery = "2h"\nbetween = ["21:00", "07:00"]'
    engine = rewound(f'[[rule]]\nid = "r"\n{every}')
    engine.tick(NOW)
    missed = [d for d in engine.tick(local("2025-11-22 23:30")) if d.subject == "wang"]
    assert [d.at for d in missed if d.change is Change.RAISE] == [local("2025-11-22 23:12")]


def test_who_went_away_in_the_future_can_come_back() -> None:
    engine = Engine(rules('[[rule]]\nid = "u"\nkind = "unprotected"'), HOME, NOW)
    engine.observe(heard("desk", "absence", AHEAD, "leave", resident="wang"))
    engine.tick(AHEAD + MINUTE)
    engine.begin_again(NOW)
    engine.observe(heard("desk", "absence", NOW + MINUTE, "present", resident="wang"))
    engine.tick(NOW + 2 * MINUTE)
    raised = [d for d in engine.tick(NOW + 2 * HOUR) if d.subject == "wang"]
    assert [d.change for d in raised if d.change is Change.RAISE] == [Change.RAISE]


@pytest.mark.parametrize("metric", ["battery", "bed_occupied", "visit", "fall", "sos", "motion", "spo2"])
def test_no_timer_of_any_default_rule_stays_in_the_future(metric: str) -> None:
    engine = Engine(default(), HOME, NOW)
    value = 3.0 if metric in {"battery", "spo2"} else True
    engine.observe(heard("watch", metric, AHEAD, value))
    engine.tick(AHEAD + SECOND)
    engine.begin_again(NOW)
    engine.tick(NOW)
    wake = engine.next_wake()
    assert wake is not None
    assert wake < NOW + DAY
    times = [int(time) for row in engine.dirty() for time in re.findall(rb"\d{13}", row[2])]
    assert max(times) < NOW + 15 * DAY
