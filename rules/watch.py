"""One rule watching one subject, and the table of those of one definition. Rule: the engine's alone."""

from typing import Any

from pydantic import TypeAdapter

from devices.registry import Registry
from rules.kind import Kind, Rule, Subject
from rules.reorder import REORDER_MS
from rules.ruleset import Application, Definition

NEVER = 1 << 62


class Watch:
    """One rule watching one subject."""

    __slots__ = ("armed", "basis", "behind", "failure", "kind", "memory", "rule", "subject", "waits")

    def __init__(self, kind: Kind[Any, Any], rule: Rule[Any], subject: Subject) -> None:
        self.kind = kind
        self.rule = rule
        self.subject = subject
        self.memory: Any = None
        self.armed = NEVER  # when its entry in the heap comes up
        self.behind = REORDER_MS if kind.ordered else 0
        self.basis = 0
        self.failure = ""
        self.waits = kind.deaf is not None and not kind.hears(subject)  # while nobody can be heard


class Table:
    """One definition, and its watches by subject. A kind without memory watches everybody and keeps none.

    None among the watches: it is not enabled for this subject, or not about such a one.
    """

    __slots__ = ("application", "kind", "memories", "watches")

    def __init__(self, definition: Definition, registry: Registry) -> None:
        self.kind = definition.kind
        self.application = Application(definition, registry)
        self.watches: dict[str, Watch | None] = {}
        self.memories: TypeAdapter[Any] = TypeAdapter(definition.kind.memory or type(None))

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
