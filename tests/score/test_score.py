"""The scoreboard judges rightly; in a small village, for some days, the default rules keep their promises."""

from dataclasses import replace

import pytest

from rules import configuration
from rules.ruleset import RuleSet
from simulators.truth import Expected
from simulators.village.fate import Dangers
from simulators.village.faults import CALM
from simulators.village.village import calm, eventful, sites
from tests.score.__main__ import START
from tests.score.board import Score, below_target, scores, table
from tests.score.judging import Judged, Raised, judge, try_rules

MINUTE = 60_000


def must(at: int, kind: str = "bed_exit", who: str = "r-1") -> Expected:
    return Expected(kind, "medium", at, 3 * MINUTE, (who,), early_ms=MINUTE)


def raised(at: int, kind: str = "bed_exit", who: str = "r-1") -> Raised:
    return Raised(kind, kind, who, at)


def judged(expectations: list[Expected], alerts: list[Raised], world: str = "eventful") -> Judged:
    found = Judged(world, "care-1", resident_weeks=2)
    judge(expectations, alerts, found)
    return found


def score(found: Judged) -> Score:
    (one,) = scores([found])
    return one


def test_an_alert_in_time_is_found_and_its_delay_counts_from_when_it_was_due() -> None:
    one = score(judged([must(1000)], [raised(61_000)]))
    assert (one.expected, one.found, one.missed, one.false, one.recall, one.precision) == (1, 1, 0, 0, 1, 1)
    assert one.delay_p50 == 60


def test_an_alert_too_late_too_early_or_about_another_is_a_miss_and_false() -> None:
    for wrong in (
        raised(1000 + 3 * MINUTE + 1),
        raised(999 - MINUTE),
        raised(1000, who="r-2"),
        raised(1000, "sos"),
    ):
        found = judged([must(1000)], [wrong])
        assert (len(found.missed), len(found.false)) == (1, 1), wrong


def test_a_second_alert_of_the_same_danger_is_neither_found_nor_false() -> None:
    found = judged([must(1000)], [raised(1000), raised(2000)])
    assert (len(found.found), found.allowed, found.false) == (1, 1, [])


def test_two_dangers_need_two_alerts() -> None:
    found = judged([must(1000), must(2000)], [raised(2500)])
    assert (len(found.found), len(found.missed)) == (1, 1)


def test_what_may_be_raised_is_never_missed_and_never_false() -> None:
    may = Expected("bed_exit", "medium", 1000, MINUTE, ("r-1",), must=False)
    assert judged([may], []).missed == []
    assert judged([may], [raised(1500)]).false == []


def test_a_target_below_is_told_and_what_nobody_expected_counts_by_the_week() -> None:
    missed = judged([must(1000)], [])
    assert list(below_target(scores([missed]), [missed])) == ["bed_exit: recall 0.000, should be 0.98"]
    check = judged([], [raised(1000, "missed_check/visit")])
    assert "precision 0.000" in next(below_target(scores([check]), [check]))
    nuisance = judged([], [raised(at) for at in range(3)], "calm")
    assert score(nuisance).false_a_week == pytest.approx(1.5)
    assert [*below_target(scores([nuisance]), [nuisance])] == [
        "calm: 1.50 false per resident-week, should be 1 at most"
    ]
    assert table(scores([nuisance])).row_count == 1


SLACK = """
[[rule]]
id = "bed-exit"
kind = "bed_exit"
within = "3h"
"""


def test_rules_that_are_too_slack_are_told_apart() -> None:
    slack = configuration.load(SLACK)
    assert isinstance(slack, RuleSet)
    dangers = Dangers(long_out=3, press=3)
    night = replace(eventful(4, 5), dangers=dangers, failing=CALM)
    played = [try_rules(site, rules=slack) for site in sites(night, 1, START)]
    recalls = {one.kind: one.recall for one in scores(played)}
    assert (recalls["bed_exit"], recalls["sos"]) == (0.0, 1.0)
    assert any("bed_exit: recall 0.000" in wrong for wrong in below_target(scores(played), played))


def test_in_a_small_village_the_default_rules_reach_every_target() -> None:
    busy = replace(eventful(8, 7), fires=1.5)
    played = [try_rules(site) for setting in (calm(6, 4), busy) for site in sites(setting, 4, START)]
    found = scores(played)
    told = "\n".join(around for one in played for around in one.told.values())
    assert list(below_target(found, played)) == [], told
    tried = {one.kind for one in found if one.world == "eventful" and one.found}
    assert {"sos", "fall", "environment", "bed_exit", "missed_check/visit"} <= tried
