"""Days by a calendar: RRULE text (RFC 5545) in, local days out. Rule: what is accepted leaves nobody out.

The arithmetic is python-dateutil's. The grammar is checked here first, since a text that it takes
may still mean no day at all, or run for ever; and since RFC 5545 skips a day that a month does not have:
"on the 31st" would be no check at all in February (write BYMONTHDAY=-1, the last day).
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from functools import lru_cache

from dateutil.rrule import rrulestr

SINCE = date(2024, 1, 1)
"""Where counting begins (a Monday) when a rule names no day of its own."""

_DAY = re.compile(r"[+-]?([1-9]|[1-4]\d|5[0-3])?(MO|TU|WE|TH|FR|SA|SU)")
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_TIMES = {"BYHOUR", "BYMINUTE", "BYSECOND"}
_ENDS = {"COUNT", "UNTIL"}
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_NUMBERS = {"INTERVAL": (1, 366), "BYMONTH": (1, 12), "BYMONTHDAY": (-31, 31), "BYSETPOS": (-366, 366)}
_DAYS = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 31, "YEARLY": 366}  # among which BYSETPOS picks
_YEARS = 8  # looked at when a text is checked: two leap days, every weekday of a month's first
_AHEAD = 30  # years in which the next day is looked for


def problem(text: str, since: date = SINCE) -> str:
    """What is wrong with an RRULE text, in words for who wrote it; "" when it is right."""
    parts = dict(part.partition("=")[::2] for part in text.split(";"))
    return _wrong_words(text, parts) or _wrong_together(parts) or _wrong_days(text, parts, since)


def next_day(text: str, since: date, after: date) -> date:
    """The first day of a checked text later than `after`. Raises ValueError when 30 years have none."""
    for year in range(after.year, after.year + _AHEAD):
        days = _days(text, since, year)
        found = bisect_right(days, after)
        if found < len(days):
            return days[found]
    raise ValueError("no such day in thirty years")


def previous_day(text: str, since: date, before: date) -> date:
    """The last day of a checked text that is earlier than `before`; `since` when there is none."""
    for year in range(before.year, since.year - 1, -1):
        days = _days(text, since, year)
        found = bisect_left(days, before)
        if found:
            return days[found - 1]
    return since


def comes(text: str, since: date, day: date) -> bool:
    """Whether a day is one of a checked text."""
    days = _days(text, since, day.year)
    found = bisect_left(days, day)
    return found < len(days) and days[found] == day


def number(text: str, since: date, day: date) -> int:
    """How many days of a checked text come before `day`."""
    whole = sum(len(_days(text, since, year)) for year in range(since.year, day.year))
    return whole + bisect_left(_days(text, since, day.year), day)


@lru_cache(maxsize=1024)
def _days(text: str, since: date, year: int) -> tuple[date, ...]:
    return _between(text, since, year, year)


def _between(text: str, since: date, year: int, last_year: int) -> tuple[date, ...]:
    """The days of some years: all at once, for a text that means no day is followed to the end of time."""
    start = datetime.combine(since, time())
    first, last = datetime(year, 1, 1), datetime(last_year, 12, 31)  # noqa: DTZ001  local days, of no zone
    return tuple(at.date() for at in rrulestr(text, dtstart=start).between(first, last, inc=True))


def _wrong_words(text: str, parts: Mapping[str, str]) -> str:
    if len(parts) != text.count(";") + 1 or "" in parts.values():
        return 'write RFC 5545 parts, each once, such as "FREQ=MONTHLY;BYMONTHDAY=-1"'
    if parts.get("FREQ") not in _FREQUENCIES:
        return f"FREQ: give one of {', '.join(_FREQUENCIES)}; for hours write every"
    for name, value in parts.items():
        if name in _TIMES:
            return f'{name}: the time of day stands apart, as by = "18:00"'
        if name in _ENDS:
            return f"{name}: a check has no end; remove the rule, or say enabled = false, when it has"
        if wrong := _wrong_part(name, value):
            return wrong
    return ""


def _wrong_part(name: str, value: str) -> str:
    if name in {"FREQ", "WKST"}:
        return "" if name == "FREQ" or _DAY.fullmatch(value) else "WKST: give a day such as MO"
    if name == "BYDAY":
        known = all(map(_DAY.fullmatch, value.split(",")))
        return (
            "" if known else "BYDAY: write days as MO,WE,FR, 1MO (the first Monday) or -1FR (the last Friday)"
        )
    if name not in _NUMBERS:
        return f"unknown part {name}: take FREQ, {', '.join(_NUMBERS)}, BYDAY or WKST"
    least, most = _NUMBERS[name]
    numbers = value.split(",")
    right = all(re.fullmatch(r"-?\d{1,3}", one) and least <= int(one) <= most and int(one) for one in numbers)
    if not right or (name == "INTERVAL" and len(numbers) > 1):
        return f"{name}: give numbers from {least} to {most}" + (", not 0" if least < 0 else "")
    return ""


def _wrong_together(parts: Mapping[str, str]) -> str:
    """Parts that RFC 5545 has for other frequencies only."""
    frequency = parts["FREQ"]
    most = _DAYS[frequency]
    if any(abs(position) > most for position in _numbers(parts, "BYSETPOS")):
        return f"BYSETPOS: {frequency} has no more than {most} to pick from"
    if frequency == "WEEKLY" and "BYMONTHDAY" in parts:
        return "BYMONTHDAY: days of a month go with FREQ=MONTHLY"
    if frequency in {"DAILY", "WEEKLY"} and re.search(r"\d", parts.get("BYDAY", "")):
        return "BYDAY: the first or the last of a weekday goes with FREQ=MONTHLY"
    return ""


def _wrong_days(text: str, parts: Mapping[str, str], since: date) -> str:
    months = _numbers(parts, "BYMONTH") or tuple(range(1, 13))
    shortest = min(_LENGTHS[month - 1] for month in months)
    if "BYSETPOS" not in parts and any(abs(day) > shortest for day in _numbers(parts, "BYMONTHDAY")):
        return "BYMONTHDAY: some months have no such day, and would have no check: write -1 for the last day"
    try:
        found = _between(text, since, since.year + 1, since.year + _YEARS)
    except ValueError as error:
        return f"{error}"
    if set(_periods(parts, months, since)) <= {_period(parts, day) for day in found} and found:
        return ""
    return "sometimes there is no such day, and there would be no check: name a day that always comes"


def _numbers(parts: Mapping[str, str], name: str) -> tuple[int, ...]:
    return tuple(map(int, parts[name].split(","))) if name in parts else ()


def _period(parts: Mapping[str, str], day: date) -> tuple[int, int]:
    by_month = parts["FREQ"] == "MONTHLY" or "BYMONTH" in parts
    return day.year, day.month if by_month else 0


def _periods(parts: Mapping[str, str], months: tuple[int, ...], since: date) -> Iterator[tuple[int, int]]:
    """The months or years of the years looked at in each of which there must be a day."""
    interval = int(parts.get("INTERVAL", "1"))
    first = since.year * 12 + since.month - 1
    for year in range(since.year + 1, since.year + 1 + _YEARS):
        if parts["FREQ"] == "YEARLY" and (year - since.year) % interval:
            continue
        if parts["FREQ"] == "YEARLY" and "BYMONTH" not in parts:
            yield year, 0
        elif parts["FREQ"] == "MONTHLY" or "BYMONTH" in parts:
            for month in months:
                if parts["FREQ"] != "MONTHLY" or (year * 12 + month - 1 - first) % interval == 0:
                    yield year, month
