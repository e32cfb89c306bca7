"""While nobody can be heard no silence counts, whoever's it is; afterwards it goes on from there."""

from hypothesis import given
from hypothesis import strategies as st

from devices.observation import Observation
from devices.ourselves import DESK, broker_message, broker_observation
from rules.configuration import default
from rules.decision import Change, Decision
from rules.engine import Engine
from rules.reorder import REORDER_MS
from rules.snapshot import OUTAGE
from tests.rules.dwelling import of, play, said, watch
from tests.rules.home import HOME, HOUR, MINUTE, heard, local

NOW = local("2025-11-22 08:00")
RULES = default()
INACTIVITY = '[[rule]]\nid = "inactivity"\nkind = "inactivity"'


def broker(at: int, *, reached: bool) -> Observation:
    return broker_observation(broker_message(at, reached=reached))


def silent_from(watching: Engine) -> list[Decision]:
    return watching.observe(of("bo", "motion", NOW, device="pir"))


def test_a_silence_is_not_told_while_the_broker_is_away() -> None:
    engine = watch(INACTIVITY, NOW)
    silent_from(engine)
    engine.observe(broker(NOW + HOUR, reached=False))
    assert engine.tick(NOW + 8 * HOUR) == []


def desk(at: int, *, stand_in: bool) -> Observation:
    return of("bo", "stand_in", at, stand_in, device=DESK[1])._replace(site=DESK[0])


def test_what_is_reported_at_the_desk_neither_begins_nor_ends_an_outage() -> None:
    engine = watch(INACTIVITY, NOW)
    silent_from(engine)
    engine.observe(desk(NOW + MINUTE, stand_in=False))
    assert engine.outage == 0
    engine.observe(broker(NOW + HOUR, reached=False))
    engine.observe(desk(NOW + HOUR + MINUTE, stand_in=True))
    assert engine.outage == NOW + HOUR


def test_the_time_of_the_outage_is_taken_out_of_it() -> None:
    engine = watch(INACTIVITY, NOW)
    silent_from(engine)
    engine.observe(broker(NOW + HOUR, reached=False))
    engine.observe(broker(NOW + 6 * HOUR, reached=True))
    assert said(engine.tick(NOW + 9 * HOUR - MINUTE), "inactivity") == []
    ((change, at),) = said(engine.tick(NOW + 9 * HOUR + 6 * MINUTE), "inactivity")
    assert change is Change.RAISE
    assert at >= NOW + 9 * HOUR


def test_a_restart_during_the_outage_forgets_nothing_of_it() -> None:
    engine, after = watch(INACTIVITY, NOW), watch(INACTIVITY, NOW)
    silent_from(engine)
    engine.observe(broker(NOW + HOUR, reached=False))
    engine.tick(NOW + 5 * HOUR)
    rows = engine.dirty()
    assert OUTAGE in {rule for rule, *_ in rows}
    assert OUTAGE not in {rule for rule, _ in after.restore(rows)}
    after.deaf(NOW + 5 * HOUR, NOW + 5 * HOUR + MINUTE)
    assert said(after.tick(NOW + 6 * HOUR), "inactivity") == []
    after.observe(broker(NOW + 6 * HOUR, reached=True))
    expected = play(engine, [broker(NOW + 6 * HOUR, reached=True)], NOW + 12 * HOUR)
    assert after.tick(NOW + 12 * HOUR) == expected


@given(st.lists(st.tuples(st.integers(1, 5 * HOUR), st.sampled_from(["motion", "away", "back"])), max_size=8))
def test_no_silence_is_told_before_so_much_time_could_be_heard(events: list[tuple[int, str]]) -> None:
    at, reached = NOW, True
    away: list[tuple[int, int]] = []  # outages; the last may go on
    signs = [NOW]
    engine = watch(INACTIVITY, NOW)
    decisions = silent_from(engine)
    for gap, what in events:
        at += gap
        if what == "motion":
            if reached:  # else nobody hears it
                signs.append(at)
                decisions += engine.observe(of("bo", "motion", at, device="pir"))
        elif (what == "back") != reached:
            reached = not reached
            away = [*away[:-1], (away[-1][0], at)] if reached else [*away, (at, 1 << 62)]
            decisions += engine.observe(broker(at, reached=reached))
    decisions += engine.tick(at + 5 * HOUR)
    for decision in decisions:
        if decision.change is Change.RAISE:
            last = max(sign for sign in signs if sign < decision.at)
            deaf = sum(max(0, min(until, decision.at) - max(since, last)) for since, until in away)
            # a sign that still waits for its order when the broker is lost, and is back, counts from itself
            assert decision.at - last - deaf >= 4 * HOUR - REORDER_MS


TOLD = ["motion", "bed_occupied", "visit", "battery", "worn", "heart_rate", "fall", "mains_power"]
HISTORY = st.lists(
    st.tuples(
        st.integers(1, 3 * HOUR),
        st.sampled_from(["wang", "li", "broker"]),
        st.sampled_from(TOLD),
        st.booleans(),
    ),
    max_size=15,
)


def happened(history: list[tuple[int, str, str, bool]]) -> list[Observation]:
    at, found = NOW, []
    for gap, who, metric, value in history:
        at += gap
        if who == "broker":
            found.append(broker(at, reached=value))
        elif metric in {"battery", "heart_rate"}:
            found.append(heard("watch" if who == "wang" else "band", metric, at, 72.0 if value else 4.0))
        else:
            found.append(heard("watch" if who == "wang" else "band", metric, at, value or metric == "fall"))
    return found


@given(HISTORY, st.data())
def test_with_the_default_rules_a_restart_changes_nothing_whether_the_broker_is_reached_or_not(
    history: list[tuple[int, str, str, bool]], data: st.DataObject
) -> None:
    observations = happened(history)
    until = NOW + 3 * 24 * HOUR
    expected = play(Engine(RULES, HOME, NOW), observations, until)
    cut = data.draw(st.integers(0, len(observations)))
    before, after = Engine(RULES, HOME, NOW), Engine(RULES, HOME, NOW + 24 * HOUR)
    decisions = [decision for one in observations[:cut] for decision in before.observe(one)]
    after.restore(before.dirty())
    assert decisions + play(after, observations[cut:], until) == expected
