"""A set of rules, checked. Rule: what applies to a subject follows from the set and the registry alone.

Overrides, the most specific wins: the resident's, then her place's (innermost first), then her risks' (the
later in the file first), her visit tier's, her care level's, then the rule itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from devices.registry import Registry, Resident, Risk
from rules.kind import Kind, Rule, Subject
from rules.settings import Settings

Fields = Mapping[str, Any]
"""Settings as written in the file, by key."""

SCOPES = ("care_level", "visit_tier", "risk", "place", "resident")
"""Whose overrides there are, the most general first."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One rule of the file: its own settings and the overrides, as written. Valid in every combination.

    The overrides of `risk` are by risk and level, as in `bed_fall.high`.
    """

    id: str
    kind: Kind[Any, Any]
    fields: Fields
    care_level: Mapping[str, Fields] = field(default_factory=dict)
    visit_tier: Mapping[str, Fields] = field(default_factory=dict)
    risk: Mapping[str, Fields] = field(default_factory=dict)
    place: Mapping[str, Fields] = field(default_factory=dict)
    resident: Mapping[str, Fields] = field(default_factory=dict)

    @property
    def scopes(self) -> tuple[Mapping[str, Fields], ...]:
        """The overrides of each scope, the most general first."""
        return tuple(self.overrides(scope) for scope in SCOPES)

    def overrides(self, scope: str) -> Mapping[str, Fields]:
        """Those of one of SCOPES, by whose they are."""
        found: Mapping[str, Fields] = getattr(self, scope)
        return found

    def layers(self, subject: Subject, registry: Registry) -> tuple[Fields, ...]:
        """The overrides that hold for a subject, the most general first."""
        found: list[Fields | None] = []
        resident = subject.resident
        if resident:
            found.append(self.care_level.get(resident.care_level.value))
            found.append(self.visit_tier.get(resident.visit_tier.value))
            found.extend(layer for name, layer in self.risk.items() if _runs(resident, name))
        if self.place:
            found.extend(self.place.get(place.id) for place in reversed(registry.above(subject.place)))
        found.append(self.resident.get(subject.id) if subject.resident else None)
        return tuple(layer for layer in found if layer)


def _runs(resident: Resident, name: str) -> bool:
    """Whether she runs the risk of a layer, at its level: `bed_fall.high`, say."""
    risk, _, level = name.partition(".")
    return resident.risk(Risk(risk)).value == level


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

    def every(self) -> list[Settings]:
        """The rule's own settings, and those that any one override makes of them."""
        own, kind = self._definition.fields, self._definition.kind
        layers = (layer for scope in self._definition.scopes for layer in scope.values())
        return [kind.settings.model_validate({**own, **layer}) for layer in ({}, *layers)]

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
