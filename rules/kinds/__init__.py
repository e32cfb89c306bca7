"""The kinds of rule, one small file each. Rule: a kind is in this table or it does not exist."""

from typing import Any

from rules.kind import Kind
from rules.kinds import (
    absence,
    bed_exit,
    climate,
    device_health,
    environment,
    expression,
    fall,
    inactivity,
    long_lie,
    missed_check,
    news2,
    sos,
    unprotected,
    vitals,
    wandering,
)

KINDS: dict[str, Kind[Any, Any]] = {
    module.KIND.name: module.KIND
    for module in (
        sos,
        fall,
        long_lie,
        environment,
        bed_exit,
        inactivity,
        wandering,
        climate,
        absence,
        missed_check,
        unprotected,
        device_health,
        vitals,
        news2,
        expression,
    )
}
