"""Bytes to JSON: any bytes have an answer, a mistake in one value costs that value, a bomb costs nothing."""

import json
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from devices.envelope import MAX_DEPTH, _deep, json_value, text
from devices.reading import Reason, Rejected

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
)
_JSON = st.recursive(
    _SCALARS | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30
)


@given(st.binary())
@example(b"\xff")
@example(b"[" * 300_000)
@example(b"NaN")
@example(b'{"a": Infinity')
def test_any_bytes_have_an_answer(payload: bytes) -> None:
    value = json_value(payload)
    assert isinstance(value, (Rejected, dict, list, str, int, float, type(None)))


@given(_JSON)
def test_json_comes_back(value: object) -> None:
    assert json_value(json.dumps(value).encode("utf-8")) == value


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"\xff\xfe", Reason.NOT_UTF8),
        (b"{", Reason.NOT_JSON),
        (b'{"a": 1,}', Reason.NOT_JSON),
        (b"hello", Reason.NOT_JSON),
        (b"1 2", Reason.NOT_JSON),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), Reason.TOO_DEEP),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, Reason.TOO_DEEP),
        (b'["\\"[",' + b"[" * MAX_DEPTH + b"]" * (MAX_DEPTH + 1), Reason.TOO_DEEP),
    ],
)
def test_why_not(payload: bytes, reason: Reason) -> None:
    value = json_value(payload)
    assert isinstance(value, Rejected)
    assert value.reason is reason


def test_brackets_in_a_text_and_beside_each_other_are_not_depth() -> None:
    value = ["[" * 100, '\\"{' * 100, *([[]] * 100)]
    assert json_value(json.dumps(value).encode()) == value
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert not isinstance(json_value(deepest), Rejected)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"NaN", math.nan),
        (b"Infinity", math.inf),
        (b"-Infinity", -math.inf),
        (b"1e999", math.inf),
        (b"1" * 5000, math.inf),
        (b"1" + b"0" * 30, 1e30),
        (b'"\\ud83d"', "\ufffd"),
        (b'"half \\ude00 an emoji"', "half \ufffd an emoji"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\xb5\xd8"', "\ufffd\ufffd"),
        (b'"two\nlines"', "two\nlines"),
        (b'["\\ud83d"]', ["\ufffd"]),
        (b'{"\\ud83d": 1}', {"\ufffd": 1}),
    ],
)
def test_a_mistake_in_one_value_costs_only_that(written: bytes, read: object) -> None:
    value = json_value(b'{"event": "sos", "note": %s}' % written)
    assert isinstance(value, dict)
    assert value["event"] == "sos"
    if isinstance(read, float) and math.isnan(read):
        assert isinstance(value["note"], float)
        assert math.isnan(value["note"])
    else:
        assert value["note"] == read


@given(st.binary())
def test_what_is_a_text_can_be_written_again(payload: bytes) -> None:
    read = text(payload)
    assert read == Rejected(Reason.NOT_UTF8) if isinstance(read, Rejected) else read.encode() == payload


def _nested_deeper(payload: bytes, most: int) -> bool:
    """Whether brackets outside of texts nest deeper, told byte by byte."""
    depth, in_text, escaped = 0, False, False
    for byte in payload:
        if in_text:
            in_text = escaped or byte != ord(b'"')
            escaped = byte == ord(b"\\") and not escaped
        elif byte == ord(b'"'):
            in_text = True
        elif byte in b"[{":
            depth += 1
            if depth > most:
                return True
        elif byte in b"]}":
            depth -= 1
    return False


_PIECES = st.sampled_from(
    [b"[", b"]", b"{", b"}", b'"', b"\\", b"a", b"[" * 30, b"]" * 30, b"[]" * 20, b"\xff\x01"]
)


@settings(max_examples=300)
@given(st.lists(_PIECES, max_size=40).map(b"".join))
@example(b'"' + b"[" * 33)
@example(b'["\\' + b"[" * 33)
@example(b"]" * 40 + b"[" * 40)
def test_depth_is_what_counting_byte_by_byte_gives(payload: bytes) -> None:
    assert _deep(payload) is _nested_deeper(payload, MAX_DEPTH)
