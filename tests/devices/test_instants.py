"""Times as devices write them: what each number and text means, that nothing is guessed and nothing lost."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.instants import Zoned, any_ms, clock_ms, iso_ms, local_ms, number_ms, relative

NOW = 1_790_000_000_123


@pytest.mark.parametrize(
    ("number", "expected"),
    [  # R-89 (SenML, RFC 8428): below 2^28 relative seconds, from there on Unix time
        (0, NOW),
        (-5, NOW - 5_000),
        (-0.25, NOW - 250),
        (268_435_455, NOW + 268_435_455_000),
        (268_435_456, 268_435_456_000),  # 1978-07-04T21:24:16Z
    ],
)
def test_r89_small_numbers_are_relative(number: float, expected: int) -> None:
    assert number_ms(number, NOW) == expected
    assert relative(number) is (number < 2**28)
    assert any_ms(str(number), NOW) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1_763_763_600, 1_763_763_600_000),
        (1_763_763_600.25, 1_763_763_600_250),
        (1_763_763_600_123, 1_763_763_600_123),
        (1_763_763_600_123_456, 1_763_763_600_123),
        (1_763_763_600_123_456_789, 1_763_763_600_123),
    ],
)
def test_the_magnitude_tells_the_unit(number: float, expected: int) -> None:
    assert number_ms(number, NOW) == expected
    assert any_ms(str(number), NOW) == expected
    assert not relative(number)
    assert not relative(str(number))


@pytest.mark.parametrize(
    "nothing",
    [
        True,
        False,
        None,
        [],
        {},
        "",
        "yesterday",
        "nan",
        float("nan"),
        float("inf"),
        -float("inf"),
        10**400,
        "1e999",
    ],
)
def test_what_is_no_time_is_none(nothing: object) -> None:
    assert any_ms(nothing, NOW) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-21T22:20:00Z", 1_763_763_600_000),
        ("2025-11-22T06:20:00.123+08:00", 1_763_763_600_123),
        (" 2025-11-21T22:20:00.123456789Z\n", 1_763_763_600_123),
        ("2025-11-21T22:20:00.123-00:00", 1_763_763_600_123),  # the local offset is unknown
        ("20251121T222000Z", 1_763_763_600_000),
    ],
)
def test_r85_iso_texts_are_utc_whatever_their_offset(text: str, expected: int) -> None:
    assert iso_ms(text) == expected
    assert any_ms(text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("2025-11-22T06:20:00+08:00", 480),
        ("2025-11-21T22:20:00+00:00", 0),
        ("2025-11-21T12:50:00-09:30", -570),
        ("2025-11-21T22:20:00-00:00", None),
        ("2025-11-21T22:20:00Z", None),
    ],
)
def test_r85_the_offset_is_kept_where_it_is_known(text: str, offset: int | None) -> None:
    """`-00:00` and `Z` (RFC 9557) say that the local offset is unknown."""
    for at in (iso_ms(text), local_ms(text, "")):
        assert at == 1_763_763_600_000
        assert (at.offset_min if isinstance(at, Zoned) else None) == offset


def test_r85_a_clock_that_tells_no_zone_has_that_of_its_place() -> None:
    at = local_ms("2025-11-22 06:20:00", "Asia/Shanghai")
    assert isinstance(at, Zoned)
    assert at.offset_min == 480


@pytest.mark.parametrize(
    "text", ["2025-11-21T22:20:00", "2025-11-21", "2025-13-01T00:00:00Z", "now", "Z", ""]
)
def test_r85_without_a_zone_it_is_no_time(text: str) -> None:
    assert iso_ms(text) is None


_ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(min_value=datetime(1970, 1, 3), max_value=datetime(9998, 1, 1), timezones=_ZONES))  # noqa: DTZ001  zones are drawn
def test_iso_loses_no_millisecond(when: datetime) -> None:
    expected = (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert iso_ms(when.isoformat()) == expected


_ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())
)


@given(_ANYTHING, st.integers(0, 4_000_000_000_000))
def test_anything_is_a_whole_number_of_ms_or_none(value: object, received_at: int) -> None:
    at = any_ms(value, received_at)
    assert at is None or type(at) is int
    assert at == any_ms(value, received_at)


@given(st.one_of(st.integers(), st.floats(), st.text(), st.floats().map(str)), st.integers(1, 10**6))
def test_relative_is_what_depends_on_its_arrival(value: object, later: int) -> None:
    if any_ms(value, NOW) is not None:
        moved = any_ms(value, NOW + later) != any_ms(value, NOW)
        assert relative(value) is moved


@pytest.mark.parametrize(
    ("written", "zone", "expected"),
    [
        ("2026-04-17T23:33:22", "Asia/Shanghai", "2026-04-17T15:33:22+00:00"),
        ("2026-04-17 23:33:22", "Europe/Berlin", "2026-04-17T21:33:22+00:00"),
        ("2026-04-17T23:33:22+02:00", "Asia/Shanghai", "2026-04-17T21:33:22+00:00"),  # names its own
        ("2026-04-17T23:33:22+02:00", "", "2026-04-17T21:33:22+00:00"),
        ("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T00:30:00+00:00"),  # shown twice: the first
    ],
)
def test_a_zoneless_time_is_one_where_the_zone_is_known(written: str, zone: str, expected: str) -> None:
    assert local_ms(written, zone) == iso_ms(expected)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "\0", "x" * 300])
def test_r88_a_zoneless_time_without_a_zone_is_none(zone: str) -> None:
    assert local_ms("2026-04-17T23:33:22", zone) is None


@given(st.text(max_size=30) | st.datetimes(), st.sampled_from(["", "Asia/Shanghai", "America/St_Johns"]))
def test_any_local_time_has_an_answer(written: str | datetime, zone: str) -> None:
    at = local_ms(written, zone)
    assert at is None or isinstance(at, int)


@pytest.mark.parametrize(
    ("shown", "zone", "expected"),
    [
        ("2026-03-01T08:00:00", "Asia/Shanghai", 1_772_323_200_000),
        ("2026-03-01 08:00:00", "Asia/Shanghai", 1_772_323_200_000),
        ("2026-03-01T08:00:00", "", None),
        ("2026-03-01T08:00:00+08:00", "", 1_772_323_200_000),
        ("2026-03-01T08:00:00+0800", "Europe/Berlin", 1_772_323_200_000),
        (1_772_323_200, "", 1_772_323_200_000),
        ("1772323200.250", "", 1_772_323_200_250),
        ("1970-01-01T00:00:13", "Europe/Berlin", None),
        (13, "Europe/Berlin", None),
        ("13", "Europe/Berlin", None),
        ("@0.133476s", "Europe/Berlin", None),
        (True, "", None),
        (None, "", None),
        ("nan", "", None),
        (10**400, "", None),
    ],
)
def test_a_clock_is_believed_when_it_was_set_and_its_zone_is_known(
    shown: object, zone: str, expected: int | None
) -> None:
    assert clock_ms(shown, zone) == expected
