"""Windows of acceleration: finite numbers in g, of a plausible rate and length."""

import tracemalloc

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.accelerometer import may_hold_motion, window
from devices.message import Message
from devices.reading import Motion, Reason
from devices.registry import Registry
from ingest.interpret import interpret

ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)


@pytest.mark.parametrize("cell", ["a" * 20_000, True, None, [1], {}])
def test_what_is_no_number_is_refused_at_the_cost_of_its_bytes(cell: object) -> None:
    """A long text among numbers once took 4 bytes a letter for each of them: gigabytes."""
    payload = orjson.dumps({"fs": 50, "xyz": [[cell, 0, 0]] + [[0, 0, 0]] * 2500})
    tracemalloc.start()
    try:
        said = interpret(Message("shouwang/v1/h/w/motion", payload, 1_790_000_000_000), Registry(), "h")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [(one.reason, one.detail) for one in said.rejected] == [
        (Reason.WRONG_TYPE, "samples must be [x, y, z] in g")
    ]
    assert most < 5_000_000


@given(st.lists(st.lists(ANYTHING, max_size=4) | ANYTHING, max_size=6))
def test_anything_has_an_answer(xyz: list[object]) -> None:
    made = window("d", None, 5, "wrist", xyz)
    numbers = [isinstance(row, list) and len(row) == 3 for row in xyz]
    if isinstance(made, Motion):
        assert all(numbers)
        assert np.isfinite(made.xyz).all()
    else:
        assert made[1]


def test_what_can_only_be_metres_per_second_squared_is_read_as_such() -> None:
    rest, blow = [0.0, 0.0, 9.80665], [0.0, 0.0, 60.0]
    made = window("d", None, 50, "wrist", [rest] * 40 + [blow] * 10)
    assert isinstance(made, Motion)
    assert made.xyz[:, 2] == pytest.approx([1.0] * 40 + [60 / 9.80665] * 10)


@pytest.mark.parametrize("xyz", [[[0.0, 0.0, 6.0]] * 49, [[0.0, 0.0, 1.0]] * 30 + [[0.0, 0.0, 6.0]] * 20])
def test_a_blow_in_g_stays_one(xyz: list[list[float]]) -> None:
    """A short window may hold nothing else."""
    made = window("d", None, 50, "wrist", xyz)
    assert isinstance(made, Motion)
    assert made.xyz == pytest.approx(np.array(xyz))


@pytest.mark.parametrize(
    ("topic", "payload", "may"),
    [
        ("shouwang/v1/h/w/motion", b"{}", True),
        ("sensor-logger", b'{"payload":[{"name":"totalacceleration"}]}', True),
        ("sensor-logger", b'{"payload":[{"name":"Accelerometer"}]}', True),
        ("shouwang/v1/h/w/telemetry", b'{"heart_rate":70}', False),
    ],
)
def test_which_messages_may_hold_motion_acceleration(topic: str, payload: bytes, may: bool) -> None:
    assert may_hold_motion(Message(topic, payload, 0)) is may
