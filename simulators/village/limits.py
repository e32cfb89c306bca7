"""What the default rules ask for, written down again from the requirements. Rule: nothing here reads a rule.

NEWS2 (R-62 to R-67), R-75 bed exit, R-76 turning, R-78 rounds, R-80 going missing, R-81 silence, R-83 visits.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import time

from simulators.life import DAY_MS, HOUR_MS, MINUTE_MS, at_local, days, local
from simulators.village.people import Villager

NIGHT_FROM, NIGHT_TO = 21, 6  # bed exits count in these hours of the wall clock
STILL_MS = 4 * HOUR_MS
TURN_EVERY_MS = {"high": 4 * HOUR_MS, "medium": 6 * HOUR_MS}
ROUND_EVERY_MS = {"special": HOUR_MS, "1": HOUR_MS, "2": 2 * HOUR_MS, "3": 3 * HOUR_MS}
ROUNDS_FROM, ROUNDS_TO = 21, 7
LATE_PARTS_OF_A_TURN = 4  # overdue by a quarter is told, by a half again
AFTER_CHANGE_MS = 24 * HOUR_MS
VISITS_BY = 18  # o'clock on the last day: Sunday, the month's, the quarter's
VISITS_GRACE_MS = 6 * HOUR_MS


def bed_exit_limit_ms(person: Villager) -> int:
    """R-75: 15 min for those who may fall, 30 for others."""
    at_risk = "high" in {person.risk("bed_fall"), person.risk("fall")}
    return (15 if at_risk else 30) * MINUTE_MS


def must_not_go_out(person: Villager) -> bool:
    """R-80: whether she may go missing."""
    return person.risk("going_missing") in {"high", "medium"}


_NEWS2 = {  # section 6.1: up to and including each bound so many points, beyond the last bound the last ones
    "respiratory_rate": ((8, 11, 20, 24), (3, 1, 0, 2, 3)),
    "spo2": ((91, 93, 95), (3, 2, 1, 0)),
    "bp_systolic": ((90, 100, 110, 219), (3, 2, 1, 0, 3)),
    "heart_rate": ((40, 50, 90, 110, 130), (3, 1, 0, 1, 2, 3)),
    "body_temperature": ((35.0, 36.0, 38.0, 39.0), (3, 1, 0, 1, 2)),
}


def measure_again_ms(values: Mapping[str, float]) -> int:
    """Section 6.2: how long after these values, taken on air from somebody alert, the next ones are due."""
    points = [marks[bisect_left(bounds, values[name])] for name, (bounds, marks) in _NEWS2.items()]
    if max(points) == 3 or sum(points) >= 5:  # a single red one, or urgent
        return HOUR_MS
    return 6 * HOUR_MS if sum(points) else 12 * HOUR_MS


def visits_due(start_ms: int, end_ms: int, tier: str) -> Iterator[int]:
    """R-83: when visits of a tier are due: Sundays, the last of a month, the last of a quarter; at 18:00."""
    for day in days(start_ms, end_ms):
        due = at_local(day, time(VISITS_BY))
        tomorrow = local(due + DAY_MS)
        month = tomorrow.day == 1
        quarter = month and tomorrow.month in {1, 4, 7, 10}
        if (
            start_ms < due < end_ms
            and {"high": tomorrow.weekday() == 0, "key": month, "general": quarter}[tier]
        ):
            yield due
