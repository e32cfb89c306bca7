"""What the default rules ask for, written down again from the requirements. Rule: nothing here reads a rule.

R-75 bed exit, R-76 turning, R-78 rounds, R-80 going missing, R-81 inactivity, R-82 check-in, R-83 visits.
"""

from simulators.life import DAY_MS, HOUR_MS, MINUTE_MS
from simulators.village.people import Villager

NIGHT_FROM, NIGHT_TO = 21, 6  # bed exits count in these hours of the wall clock
STILL_MS = 4 * HOUR_MS
TURN_EVERY_MS = {"high": 4 * HOUR_MS, "medium": 6 * HOUR_MS}
ROUND_EVERY_MS = {"special": HOUR_MS, "1": HOUR_MS, "2": 2 * HOUR_MS, "3": 3 * HOUR_MS}
ROUNDS_FROM, ROUNDS_TO = 21, 7
VISIT_EVERY_MS = {"high": 7 * DAY_MS, "key": 30 * DAY_MS, "general": 91 * DAY_MS}


def bed_exit_limit_ms(person: Villager) -> int:
    """R-75: 15 min for those who may fall, 30 for others."""
    at_risk = "high" in {person.risk("bed_fall"), person.risk("fall")}
    return (15 if at_risk else 30) * MINUTE_MS


def must_not_go_out(person: Villager) -> bool:
    """R-80: whether she may go missing."""
    return person.risk("going_missing") in {"high", "medium"}
