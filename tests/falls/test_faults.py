"""Recordings that no device can have made are named and counted nowhere."""

from typing import Any

import numpy as np
import pytest

from ingest.falls.faults import fault, heavy, sorted_out
from ingest.falls.recordings import Recording
from tests.falls.recorded import recording

UP = np.tile([0.0, 0.0, 1.0], (500, 1))
T_S = np.arange(500) / 50


@pytest.mark.parametrize(
    ("more", "reason", "seen"),
    [
        ({"t_s": np.zeros(500)}, "t_s is the same in all of its rows", "0"),
        ({"t_s": T_S * 1e3}, "t_s are seconds; yours look like ms", "20 s a step"),
        ({"t_s": T_S * 1e6}, "t_s are seconds; yours look like µs", "2e+04 s a step"),
        ({"t_s": T_S * 1e9}, "t_s are seconds; yours look like ns", "2e+07 s a step"),
        ({"t_s": T_S + 1e7 * (T_S > 5)}, "t_s has a gap of 1e+07 s or more", "1e+07 s"),
        ({"t_s": np.where(T_S > 5, 1.7e308, -1.7e308)}, "t_s has a gap", "inf s"),
        ({"t_s": T_S * 20}, "t_s gives a rate that no device has: 5 to 1000 Hz", "2.5 Hz"),
        ({"t_s": T_S / 25 + T_S // 5}, "t_s gives a rate that no device has", "1.25e+03 Hz"),
        ({"t_s": T_S / 25}, "it lasts less than 1 s", "0.4 s"),
        ({"t_s": T_S[:1], "xyz": UP[:1]}, "it lasts less than 1 s", "0.02 s"),
        ({"xyz": UP * 401}, "a sample is beyond 400 g", "401 g"),
        ({"xyz": -UP * 1e30}, "a sample is beyond 400 g", "1e+30 g"),
    ],
)
def test_what_no_device_sends_is_refused_with_a_reason(more: dict[str, Any], reason: str, seen: str) -> None:
    one = recording(**{"xyz": UP} | more)
    found = fault(one)
    assert found is not None
    assert found.reason.startswith(reason)
    assert found.seen == seen
    assert sorted_out([one])[0] == []


@pytest.mark.parametrize(
    "one",
    [
        recording(UP * 400),
        recording(UP, 5.0),
        recording(UP[:50]),
        recording(np.tile([0.0, 0.0, 1.0], (2000, 1)), 1000.0),
        recording(UP, t_s=T_S + 1.79e9),
        recording(UP, t_s=T_S + 86_400 * (T_S > 5)),
        recording(UP, t_s=T_S.round(1)),
    ],
)
def test_what_a_device_may_send_is_played(one: Recording) -> None:
    assert fault(one) is None
    assert sorted_out([one]) == ([one], [])


def test_gravity_that_is_no_1_g_is_noticed() -> None:
    knock = UP.copy()
    knock[100:200] *= 16
    assert heavy([recording(UP), recording(UP * 0), recording(knock)]) == []
    [(name, level)] = heavy([recording(UP), recording(UP * 9.80665, trial="02")])
    assert (name, level) == ("made/wrist/s1/walking/02", pytest.approx(9.80665))
