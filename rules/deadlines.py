"""Deadlines by a place's wall clock. Rule: local times go in, ms UTC comes out, whatever the clocks do.

A local time that does not exist (the clocks went forward) is that much after the gap: 02:30 becomes 03:30.
One that exists twice is the first. Both follow from PEP 495 with fold 0.
Durations are elapsed time: two hours stay two hours in the night the clocks change.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


def instant(day: date, at: time, zone: str) -> int:
    """The instant of a local time, ms UTC."""
    return round(datetime.combine(day, at, ZoneInfo(zone)).timestamp() * 1_000)


def local_day(at: int, zone: str) -> date:
    """The local date at an instant."""
    return datetime.fromtimestamp(at / 1_000, ZoneInfo(zone)).date()


def local_time(at: int, zone: str) -> str:
    """The local time at an instant, as "HH:MM"."""
    return f"{datetime.fromtimestamp(at / 1_000, ZoneInfo(zone)):%H:%M}"


def window_at(between: tuple[time, time], zone: str, at: int) -> tuple[int, int]:
    """When the daily window that holds an instant opens and closes, or else the next one, ms UTC.

    It holds its opening, not its closing.
    """
    start, end = between
    day = local_day(at, zone) - _DAY
    while True:
        closes = instant(day if start < end else day + _DAY, end, zone)
        if at < closes:
            return instant(day, start, zone), closes
        day += _DAY


def next_daily(by: time, opens: time, zone: str, after: int) -> tuple[int, int]:
    """The first daily deadline later than `after`: when its window opens, and the deadline.

    The window opens at the last `opens` before the deadline: on the evening before when `opens` is not
    earlier in the day than `by`.
    """
    day = local_day(after, zone)
    while (due := instant(day, by, zone)) <= after:
        day += _DAY
    return instant(day if opens < by else day - _DAY, opens, zone), due


def next_round(every: int, between: tuple[time, time] | None, zone: str, base: int) -> int:
    """When a round is due that was last made at `base`: `every` ms later, within the window.

    What would fall after the end of the window is due one interval into the next window. An interval longer
    than the window is cut to it, so that no window passes without a round. A round is due at the very end
    of a window when its whole interval lies inside.
    """
    if between is None:
        return base + every
    start, end = between
    day = local_day(base, zone) - _DAY
    while True:
        opens = instant(day, start, zone)
        closes = instant(day if start < end else day + _DAY, end, zone)
        due = min(opens + every, closes) if base < opens else base + every
        if base < closes and due <= closes:
            return due
        day += _DAY
