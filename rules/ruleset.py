"""A set of rules, checked. Rule: what applies to a subject follows from the set and the registry alone.

Overrides, the most specific wins: the resident's, then her place's (innermost first), then her care
level's, then the rule itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from devices.registry import Registry
from rules.kind import Kind, Rule, Subject
from rules.settings import Settings

Fields = Mapping[str, Any]
"""Settings as written in the file, by key."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One rule of the file: its own settings and the overrides, as written. Valid in every combination."""

    id: str
    kind: Kind[Any, Any]
    fields: Fields
    care_level: Mapping[str, Fields] = field(default_factory=dict)
    place: Mapping[str, Fields] = field(default_factory=dict)
    resident: Mapping[str, Fields] = field(default_factory=dict)

    def layers(self, subject: Subject, registry: Registry) -> tuple[Fields, ...]:
        """The overrides that hold for a subject, the most general first."""
        found: list[Fields | None] = []
        if subject.resident:
            found.append(self.care_level.get(subject.resident.care_level.value))
        if self.place:
            found.extend(self.place.get(place.id) for place in reversed(registry.above(subject.place)))
        found.append(self.resident.get(subject.id) if subject.resident else None)
        return tuple(layer for layer in found if layer)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules, in the order of the file."""

    definitions: tuple[Definition, ...] = ()

    def __iter__(self) -> Iterator[Definition]:
        return iter(self.definitions)


class Application:
    """One definition as it applies to each subject. Subjects with equal settings share one `Rule`."""

    def __init__(self, definition: Definition, registry: Registry) -> None:
        self._definition = definition
        self._registry = registry
        self._made: dict[tuple[int, ...], Rule[Settings]] = {}

    @property
    def settings(self) -> Settings:
        """The rule's own settings, without overrides."""
        settings: Settings = self._definition.kind.settings.model_validate(self._definition.fields)
        return settings

    def to(self, subject: Subject) -> Rule[Settings] | None:
        """The rule for a subject, None where it is not enabled."""
        definition = self._definition
        layers = definition.layers(subject, self._registry)
        key = tuple(map(id, layers))
        rule = self._made.get(key)
        if rule is None:
            written = dict(definition.fields)
            for layer in layers:
                written.update(layer)
            settings = definition.kind.settings.model_validate(written)
            rule = Rule(definition.id, definition.kind.name, settings, repr(settings))
            self._made[key] = rule
        return rule if rule.settings.enabled else None
