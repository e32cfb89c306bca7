"""What an engine remembers, as rows that can be kept and restored. Rule: the last row of every key counts."""

import orjson

from devices.observation import Observation
from rules.kind import Memory
from rules.situation import Situation

Row = tuple[str, str, bytes]
"""(rule id, subject, memory as JSON): what a snapshot keeps. Three ids are no rule's: see below."""

SITUATION, HELD, OUTAGE = "~situation", "~held", "~outage"
"""In a snapshot: where a resident is; what of a subject waits in the reorder window; since when the broker is
not reached (0 when it is)."""

Changed = tuple[str, str, int, str, Memory | Situation | tuple[Observation, ...] | int | None]
"""(rule id, subject, basis, failure, memory): values that do not change any more, for any thread to write."""


def row(changed: Changed) -> Row:
    """A changed memory as a row of a snapshot."""
    rule, subject, *state = changed
    return rule, subject, orjson.dumps(state, default=tuple)
