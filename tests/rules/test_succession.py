"""One engine after another over the same people, in the middle of the day: nothing is lost, nothing twice."""

from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation
from rules.configuration import default, load
from rules.decision import Change, Decision
from rules.engine import Engine
from rules.ruleset import RuleSet
from tests.rules.flats import HOME, NOW, histories
from tests.rules.home import DAY

RULES = default()


def rules_of(text: str) -> RuleSet:
    found = load(text, HOME)
    assert isinstance(found, RuleSet), found
    return found


def succeeded(
    before: Engine, rules: RuleSet, now: int, meanwhile: list[list[Observation]]
) -> tuple[Engine, list[Decision]]:
    """Another engine in the place of one that goes on deciding while it is made; what was decided then."""
    rows = before.dirty()
    after, decided = Engine(rules, HOME, now), []
    after.restore(rows)
    for part in meanwhile:
        decided += [decision for one in part for decision in before.observe(one)]
        after.restore(before.dirty())
    after.succeed(before)
    return after, decided


@given(histories(), st.data())
def test_the_same_rules_in_another_engine_decide_the_same(
    history: list[Observation], data: st.DataObject
) -> None:
    once = Engine(RULES, HOME, NOW)
    expected = [decision for one in history for decision in once.observe(one)] + once.tick(NOW + 3 * DAY)

    cut, first, second = sorted(data.draw(st.integers(0, len(history))) for _ in range(3))
    watch = Engine(RULES, HOME, NOW)
    decisions = [decision for one in history[:cut] for decision in watch.observe(one)]
    now = history[cut - 1].received_at if cut else NOW
    watch, decided = succeeded(watch, RULES, now, [history[cut:first], history[first:second]])
    decisions += decided
    decisions += [decision for one in history[second:] for decision in watch.observe(one)]
    assert decisions + watch.tick(NOW + 3 * DAY) == expected


@given(histories(), st.integers(0, 30))
def test_whatever_rules_come_a_call_for_help_is_decided_at_once(history: list[Observation], cut: int) -> None:
    cut = min(cut, len(history))
    watch = Engine(RULES, HOME, NOW)
    for one in history[:cut]:
        watch.observe(one)
    now = history[cut - 1].received_at if cut else NOW
    watch, _ = succeeded(watch, rules_of(""), now, [])
    for one in history[cut:]:  # what waited under the rules before wakes none that is gone
        watch.observe(one)
    at = (history[-1].received_at if history else NOW) + 1
    press = Observation("an-button", "sos", value=True, at=at, received_at=at, resident="an", key="press")
    assert "sos" in {decision.rule for decision in watch.observe(press)}


CHECK = """
[[rule]]
id = "check-in"
kind = "missed_check"
check = "check_in"
from = "05:00"
by = "{by}"
grace = "15min"
"""


def test_a_deadline_moved_before_it_passed_is_missed_at_its_new_time_and_once() -> None:
    watch = Engine(rules_of(CHECK.format(by="09:30")), HOME, NOW)
    assert watch.tick(NOW) == []
    watch, _ = succeeded(watch, rules_of(CHECK.format(by="10:30")), NOW, [])
    missed = [one for one in watch.tick(NOW + DAY) if one.change is Change.RAISE]
    assert sorted((one.rule, one.subject) for one in missed) == [
        ("check-in", name) for name in ("an", "bo", "cui")
    ]
    assert len({one.at for one in missed}) == 1
    assert (missed[0].at // 60_000) % 60 == 45


def test_what_was_decided_but_not_yet_said_is_said_by_the_next() -> None:
    watch = Engine(RULES, HOME, NOW)
    quiet = Engine(RULES, HOME, NOW)
    for engine in (watch, quiet):
        engine.deaf(NOW, NOW + DAY)
    watch, _ = succeeded(watch, RULES, NOW + DAY, [])
    assert watch.tick(NOW + 2 * DAY) == quiet.tick(NOW + 2 * DAY)
