"""One rule watching one subject, and what is the same for all subjects of it. Rule: the engine's alone."""

from enum import Enum
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter

from devices.registry import Registry
from rules.kind import Kind, Rule, Subject
from rules.reorder import REORDER_MS
from rules.ruleset import Application, Definition

NEVER = 1 << 62


class Watch:
    """One rule watching one subject."""

    __slots__ = ("armed", "basis", "failure", "kind", "memory", "rule", "subject", "waits")

    def __init__(self, kind: Kind[Any, Any], rule: Rule[Any], subject: Subject) -> None:
        self.kind = kind
        self.rule = rule
        self.subject = subject
        self.memory: Any = None
        self.armed = NEVER  # when its entry in the heap comes up
        self.basis = 0
        self.failure = ""
        self.waits = kind.deaf is not None and not kind.hears(subject)  # while nobody can be heard

    @property
    def behind(self) -> int:
        """By how much later its timers come up, ms."""
        return REORDER_MS if self.kind.ordered else 0


class _Asked(Enum):
    NOT_YET = "not yet"


NOT_YET: Final = _Asked.NOT_YET
"""In a roster: nobody has asked yet whether the rule is about this subject."""

Roster = list[Watch | _Asked | None]
"""The rules' watches over one subject, by `Table.number`. None: not about such a one, or not enabled."""


@cache
def _memories_of(kind: Kind[Any, Any]) -> TypeAdapter[Any]:
    """Reads and writes a kind's memories. To make one takes longer than to play a recording."""
    return TypeAdapter(kind.memory or type(None))


class Table:
    """One definition, and its place in every roster. One without memory watches everybody and keeps none."""

    __slots__ = ("application", "kind", "memories", "number")

    def __init__(self, number: int, definition: Definition, registry: Registry) -> None:
        self.number = number
        self.kind = definition.kind
        self.application = Application(definition, registry)
        self.memories = _memories_of(definition.kind)

    @property
    def early(self) -> bool:
        """Whether all whom it watches are known from the start."""
        return self.kind.memory is not None and not self.kind.lazy

    def watch(self, subject: Subject) -> Watch | None:
        """A new watch of this subject, None where the rule is not enabled or not about such a subject."""
        if not self.kind.watches(subject):
            return None
        rule = self.application.to(subject)
        return Watch(self.kind, rule, subject) if rule else None


def wake_of(watch: Watch) -> int | None:
    """When its timer is due by what it remembers."""
    wake: int | None = None if watch.memory is None else watch.memory.wake
    return wake
