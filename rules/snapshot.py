"""What an engine remembers, as rows that can be kept and restored. Rule: the last row of every key counts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson

from devices.observation import Observation
from rules.kind import Memory
from rules.reorder import Held
from rules.situation import Situation
from rules.watch import Watch

Row = tuple[str, str, bytes]
"""(rule id, subject, memory as JSON): what a snapshot keeps. Three ids are no rule's: see below."""

SITUATION, HELD, OUTAGE = "~situation", "~held", "~outage"
"""In a snapshot: where a resident is; what of a subject waits in the reorder window; since when the broker is
not reached (0 when it is)."""

Changed = tuple[str, str, int, str, Memory | Situation | Sequence[Observation] | int | None]
"""(rule id, subject, basis, failure, memory)."""


class Changes(NamedTuple):
    """What changed until some moment, as it was then: for any thread to write, and only there made into rows.

    As a list it would be tens of thousands of objects at once, for the event loop to make and for the
    interpreter to search for garbage. `memories` has the failure in the place of a memory that is lost.
    """

    said: Sequence[Changed]
    memories: Mapping[Watch, Memory | str | None]
    held: Held

    def rows(self) -> Iterator[Changed]:
        """Each of them."""
        yield from self.said
        for watch, kept in self.memories.items():
            failure, memory = (kept, None) if isinstance(kept, str) else ("", kept)
            yield watch.rule.id, watch.subject.id, watch.basis, failure, memory
        for subject, held in self.held.by_subject().items():
            yield HELD, subject, 0, "", held


def row(changed: Changed) -> Row:
    """A changed memory as a row of a snapshot."""
    rule, subject, *state = changed
    return rule, subject, orjson.dumps(state, default=tuple)
