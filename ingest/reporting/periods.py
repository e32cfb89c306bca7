"""Which time a report is about. Rule: days are those of the home's zone, and a mistake is said in words."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

LONGEST_MS = 366 * 86_400_000
BAD_PERIOD = "bad_period"
"""What the API calls a period that is none."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` until before `until`, ms UTC."""

    since: int
    until: int


def period(since: str, until: str, zone: str, now: int) -> Period | str:
    """The period of two dates or times (ISO 8601, local to `zone` without an offset), or what is wrong.

    `until` "" is now; what lies ahead of now (ms UTC) is left away.
    """
    begin, end = _instant(since, zone), _instant(until, zone) if until else now
    if begin is None or end is None:
        wrong = since if begin is None else until
        return f"{wrong!r} is no time: write 2026-11-01, 2026-11-01T21:00 or ISO 8601"
    if end <= begin:
        return f"the end ({until or 'now'}) is not after the beginning ({since})"
    if begin >= now:
        return f"{since} lies ahead: there is nothing to report of it yet"
    if end - begin > LONGEST_MS:
        return "a report covers 366 days at most: ask for several"
    return Period(begin, min(end, now))


def _instant(written: str, zone: str) -> int | None:
    try:
        found = datetime.fromisoformat(written)
        return round((found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
