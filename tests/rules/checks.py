"""Checks to be made, and short words for how they end. Rule: no logic worth testing."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from devices.observation import Observation
from devices.registry import Registry
from rules.decision import Change, Decision
from rules.engine import Engine
from tests.rules.home import HOME, heard, local, rules

EVENING = local("2025-11-22 20:00")

ROUNDS = """
[[rule]]
id = "round"
kind = "missed_check"
check = "visit"
also = ["staff_present"]
every = "2h"
between = ["21:00", "07:00"]
"""
DAILY = """
[[rule]]
id = "daily"
kind = "missed_check"
check = "check_in"
from = "05:00"
by = "09:30"
"""
MONTHLY = """
[[rule]]
id = "monthly"
kind = "missed_check"
check = "visit"
calendar = "FREQ=MONTHLY;BYMONTHDAY=-1"
by = "18:00"
grace = "6h"
"""
AFTER = """
[[rule]]
id = "after"
kind = "missed_check"
check = "consciousness"
after = ["fall", "consciousness"]
within = ["30min x 4", "1h x 4", "2h x 3"]
grace = "5min"
"""


def engine(text: str, now: int = EVENING, registry: Registry = HOME) -> Engine:
    """These rules over the home."""
    return Engine(rules(text), registry, now)


def visit(at: int, who: str = "wang", metric: str = "visit", **more: object) -> Observation:
    """A check that staff made; what its observation is besides is said by name."""
    delay, late = int(str(more.pop("delay", 0))), bool(more.pop("late", False))
    made = heard("scanner", metric, at, resident=who, key=f"{at}", delay=delay, late=late)
    return made._replace(**more)


def shown(at: int, form: str) -> str:
    """A time as it is in Shanghai."""
    return datetime.fromtimestamp(at / 1000, ZoneInfo("Asia/Shanghai")).strftime(form)


def ends(decisions: Sequence[Decision], who: str = "wang") -> dict[str, str]:
    """The last word of each deadline, by its local time."""
    records = [d for d in decisions if d.change is Change.RECORD and d.subject == who]
    return {shown(int(d.facts["due_ms"]), "%m-%d %H:%M"): str(d.facts["outcome"]) for d in records}


def record(decisions: Sequence[Decision], who: str = "wang") -> Decision:
    """The one outcome among them."""
    (found,) = [d for d in decisions if d.change is Change.RECORD and d.subject == who]
    return found


def told(decisions: Sequence[Decision], who: str = "wang") -> list[tuple[str, str]]:
    """When who was told how urgently, in local time."""
    return [
        (shown(d.at, "%H:%M"), d.severity.value)
        for d in decisions
        if d.change is Change.RAISE and d.subject == who
    ]


def absent(word: str, at: int, who: str = "wang") -> Observation:
    """Staff say where she is."""
    return heard("desk", "absence", at, word, resident=who)
