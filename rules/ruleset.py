"""A set of rules, checked. Rule: what applies to a subject follows from the set and the registry alone.

Overrides, the most specific wins: the resident's, then her place's (innermost first), then her risks' (the
later in the file first), her visit tier's, her care level's, then the rule itself. Overrides that are valid
one by one may not fit each other for somebody: then the more general ones give way, but for whether the rule
is enabled. A rule file says so when it is read; but risks, levels and places of people change while it holds,
and no rule may fall over that.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from devices.registry import Registry, Resident, Risk
from rules.kind import Kind, Rule, Subject
from rules.settings import Settings

Fields = Mapping[str, Any]
"""Settings as written in the file, by key."""

Layer = tuple[str, str, Fields]
"""An override: its scope, the name in it, and what it says."""

SCOPES = ("care_level", "visit_tier", "risk", "place", "resident")
"""Whose overrides there are, the most general first."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One rule of the file: its own settings and the overrides, as written: each valid by itself.

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

    def written(self, layers: Iterable[Layer]) -> dict[str, Any]:
        """The rule with these overrides, as written: settings, if they fit each other."""
        written = dict(self.fields)
        for _, _, layer in layers:
            written.update(layer)
        return written

    def fitting(self, layers: tuple[Layer, ...]) -> tuple[tuple[Layer, ...], Settings]:
        """Those of the overrides that hold together, and what they make of the rule.

        Where they do not fit each other the most general gives way, until the rest do. Only whether it is
        enabled stays as all of them have it.
        """
        whole = self.written(layers)
        enabled = {"enabled": whole["enabled"]} if "enabled" in whole else {}
        while True:
            try:
                return layers, self.kind.settings.model_validate(self.written(layers) | enabled)
            except ValidationError:
                if not layers:
                    raise
                layers = layers[1:]

    def applying(self, subject: Subject, registry: Registry) -> Iterator[Layer]:
        """The overrides meant for a subject, the most general first, whether they fit each other or not."""
        resident = subject.resident
        if resident:
            named = [("care_level", resident.care_level.value), ("visit_tier", resident.visit_tier.value)]
            named += [("risk", name) for name in self.risk if _runs(resident, name)]
        else:
            named = []
        if self.place:
            named += [("place", place.id) for place in reversed(registry.above(subject.place))]
        if resident:
            named.append(("resident", subject.id))
        for scope, name in named:
            layer = self.overrides(scope).get(name)
            if layer is not None:
                yield scope, name, layer


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
        layers = tuple(one for one in definition.applying(subject, self._registry) if one[2])
        key = tuple(id(layer) for _, _, layer in layers)
        rule = self._made.get(key)
        if rule is None:
            _, settings = definition.fitting(layers)
            rule = Rule(definition.id, definition.kind.name, settings, repr(settings))
            self._made[key] = rule
        return rule if rule.settings.enabled else None
