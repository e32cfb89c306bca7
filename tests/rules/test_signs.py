"""Signs of life: what counts, what does not, and that nothing else ever does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.metrics import METRICS, Kind
from devices.observation import Observation, Quality
from devices.reading import Value
from rules import signs
from tests.rules.home import heard

values = st.one_of(st.booleans(), st.integers(0, 300), st.sampled_from(["lying", "walking"]))
observations = st.builds(
    lambda device, metric, value, quality: heard(device, metric, 0, value, quality=quality),
    st.sampled_from(["radar", "bed", "watch"]),
    st.sampled_from(sorted(METRICS)),
    values,
    st.sampled_from(Quality),
)


def noticed(*observations: Observation) -> list[bool]:
    known: signs.Known = {}
    found: list[bool] = []
    for observation in observations:
        known, sign = signs.notice(known, observation)
        found.append(sign)
    return found


@pytest.mark.parametrize(
    ("metric", "told", "signs_of_it"),
    [
        ("motion", [True, True, False, True], [True, True, False, True]),
        ("visit", [True, True], [True, True]),
        ("sos", [True, False], [True, False]),
        ("bed_occupied", [True, True, False, False, True], [False, False, True, False, True]),
        ("door_open", [False, True, False], [False, True, True]),
        ("presence", [False, True, True, False, True], [False, True, False, False, True]),
        ("staff_present", [False, True, True, False], [False, True, False, False]),
        ("posture", ["lying", "lying", "sitting"], [False, False, True]),
        ("steps", [100, 100, 130, 0, 4], [False, False, True, False, True]),
        ("heart_rate", [60, 90, 60], [False, False, False]),
        ("relay_on", [False, True, False], [False, False, False]),
        ("fall", [True], [False]),
    ],
)
def test_what_is_a_sign_of_life(metric: str, told: list[Value], signs_of_it: list[bool]) -> None:
    assert noticed(*(heard("radar", metric, at, value) for at, value in enumerate(told))) == signs_of_it


def test_each_device_is_compared_with_itself_alone() -> None:
    assert noticed(
        heard("bed", "bed_occupied", 0, True),
        heard("radar", "bed_occupied", 1, False),
        heard("bed", "bed_occupied", 2, True),
    ) == [False, False, False]


@pytest.mark.parametrize("quality", [Quality.BAD, Quality.STALE])
def test_r94_what_is_bad_or_stale_shows_no_life(quality: Quality) -> None:
    assert (
        noticed(
            heard("radar", "motion", 0, True, quality=quality),
            heard("bed", "bed_occupied", 1, False),
            heard("bed", "bed_occupied", 2, True, quality=quality),
            heard("bed", "bed_occupied", 3, False),
        )
        == [False] * 4
    )


def test_no_measurement_is_a_sign_but_steps() -> None:
    measured = {name for name, metric in METRICS.items() if metric.kind is Kind.QUANTITY} & signs.METRICS
    assert measured == {"steps"}


@given(st.lists(observations, max_size=20))
def test_only_metrics_that_are_asked_for_are_signs(given: list[Observation]) -> None:
    for observation, sign in zip(given, noticed(*given), strict=True):
        assert not sign or observation.metric in signs.METRICS
        assert not sign or observation.quality in {Quality.GOOD, Quality.UNCERTAIN}


@given(st.lists(observations, max_size=20))
def test_what_says_nothing_new_changes_nothing(given: list[Observation]) -> None:
    known: signs.Known = {}
    for observation in given:
        known, _ = signs.notice(known, observation)
        again, sign = signs.notice(known, observation)
        assert again is known
        assert not sign or observation.metric in signs.AT_ONCE
