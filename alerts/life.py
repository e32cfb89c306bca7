"""What is about somebody's life. Rule: nothing may latch, shelve, suppress, mute, delay or merge it away."""

from alerts.event import Opened
from devices.metrics import LIFE_SAFETY
from rules.decision import Severity
from rules.unreadable import UNREADABLE

KINDS = LIFE_SAFETY | {"long_lie"}
"""Kinds of rule that are about nothing else. (`environment` knows water, too: there the metric decides.)"""

_METRICS = LIFE_SAFETY | {UNREADABLE}


def about_life(kind: str, metric: str) -> bool:
    """Whether evidence of this kind of rule and metric must reach people whatever else holds.

    SOS, falls, smoke, gas and carbon monoxide; and what nobody can read, which may have been a call.
    """
    return kind in KINDS or metric in _METRICS


def life_safety(kind: str, metric: str, severity: Severity) -> bool:
    """Whether its sending is never given up or put behind others: about life, or of high severity (R-14)."""
    return about_life(kind, metric) or severity is Severity.HIGH


def opens_about_life(event: Opened) -> bool:
    """Whether an episode is about somebody's life from its beginning."""
    return about_life(event.kind, event.evidence.metric)
