"""Times as devices write them, to ms UTC. Rule: what cannot be a time is None; nothing is guessed."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

PLAUSIBLE_FROM = 946_684_800_000
"""2000-01-01T00:00:00Z in ms: no device of ours measured anything before (R-88)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
RELATIVE_BELOW = 2**28
"""R-89: a smaller number is seconds relative to now (SenML, RFC 8428)."""


class Zoned(int):
    """A time in ms UTC, told with an offset: that clock was `offset_min` minutes ahead of UTC (R-85)."""

    offset_min: int

    @classmethod
    def of(cls, when: datetime, written: str = "") -> int:
        """The instant of a time with a zone. `Z` and `-00:00` say that the offset is not known: no Zoned.

        Raises OverflowError within a day of year 1 or 9999.
        """
        at = (when - _EPOCH) // _MS  # whole numbers: as a float of seconds it would lose milliseconds
        offset = when.utcoffset()
        if offset is None or written.endswith(("Z", "z", "-00:00")):
            return at
        zoned = cls(at)
        zoned.offset_min = round(offset.total_seconds() / 60)
        return zoned


def number_ms(value: float, received_at: int) -> int | None:
    """A numeric time in s, ms, us or ns by its magnitude, or relative seconds (R-89), as ms UTC."""
    if isinstance(value, bool) or not -1e20 < value < 1e20:  # also NaN: every comparison is false
        return None
    if value < RELATIVE_BELOW:
        return received_at + round(value * 1000)
    if value < 1e11:
        return round(value * 1000)
    if value < 1e14:
        return round(value)
    if value < 1e17:
        return int(value // 1000)
    return int(value // 1_000_000)


def relative(value: object) -> bool:
    """Whether `any_ms` takes this as seconds from its arrival (R-89): then it is another time every time."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return False
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value < RELATIVE_BELOW


def iso_ms(value: str) -> int | None:
    """An ISO 8601 / RFC 3339 time with a zone, to ms UTC (nanoseconds are cut). Zoneless: None."""
    value = value.strip()
    try:
        when = datetime.fromisoformat(value)  # cuts what is finer than microseconds
    except ValueError:
        return None
    return None if when.tzinfo is None else Zoned.of(when, value)


def local_ms(value: datetime | str, zone: str) -> int | None:
    """A time on a clock in an IANA zone, to ms UTC; a text that names its own zone is taken by that.

    None when the zone is "" or unknown: a zoneless time without a zone is no time (R-88). Of an hour that the
    clock shows twice, the first.
    """
    written = ""
    if isinstance(value, str):
        written = value.strip()
        try:
            value = datetime.fromisoformat(written)
        except ValueError:
            return None
    if value.tzinfo is None:
        at = _zone(zone)
        if at is None:
            return None
        value = value.replace(tzinfo=at)
    try:
        return Zoned.of(value, written)
    except OverflowError:
        return None


def clock_ms(value: object, zone: str) -> int | None:
    """What a device's own clock in an IANA zone showed, to ms UTC: an epoch in s, ms, us or ns, or a text.

    None for what is no time, for a zoneless text without a zone, and for a clock that was never set, which
    counts from 1970 or from its start.
    """
    number = value
    if isinstance(value, str):
        try:
            number = None if value[4:5] == "-" else float(value)  # a date, by far the most usual text
        except ValueError:
            number = None
        if number is None:
            at = local_ms(value, zone)
            return at if at is not None and at >= PLAUSIBLE_FROM else None
    if isinstance(number, bool) or not isinstance(number, (int, float)) or number < RELATIVE_BELOW:
        return None
    at = number_ms(number, 0)
    return at if at is not None and at >= PLAUSIBLE_FROM else None


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return None


def any_ms(value: object, received_at: int) -> int | None:
    """A time written as a number, a numeric text or ISO 8601."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return number_ms(value, received_at)
    if isinstance(value, str):
        try:  # nanoseconds have more digits than a double holds
            whole = value.isdecimal() and len(value) < 20
            return number_ms(int(value) if whole else float(value), received_at)
        except ValueError:
            return iso_ms(value)
    return None
