"""Which rules hold for a resident and why: every value with where it comes from, what is off, what feeds it.

Rule: what is explained is what the engine does: the same layers, the same settings, the same subjects.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devices.catalogue import entries_of_any
from devices.guide import tells
from devices.registry import Device, Registry, Resident, Risk, RiskLevel
from rules.kind import Kind, Subject
from rules.residents import residents
from rules.ruleset import Definition, RuleSet
from rules.settings import as_written
from rules.toml_lines import Path, line_of

KIND = "default"
"""Where a value comes from that nobody wrote: from the kind of rule."""

_NOT_HERS: Mapping[str, str] = {
    "unprotected": "she has no device to call with",
    "wandering": "she is not at risk, or no door or place is watched",
}


@dataclass(frozen=True, slots=True)
class Value:
    """A setting as it holds. `source`: default, rule, or whose override; `line` in the file, 0 for none."""

    key: str
    value: str
    source: str
    line: int


@dataclass(frozen=True, slots=True)
class Effective:
    """One rule as it holds for her. `off` is why it does not, "" when it does.

    `feeds` are the devices that tell what it wants, by id; `may_feed` those of which nobody knows what they
    tell (their model is not known).
    """

    rule: str
    kind: str
    line: int
    off: str
    severity: str
    values: tuple[Value, ...]
    feeds: tuple[str, ...]
    may_feed: tuple[str, ...]

    @property
    def blind(self) -> bool:
        """Whether it holds, and no device at all can feed it."""
        return not self.off and not self.feeds and not self.may_feed


@dataclass(frozen=True, slots=True)
class Explanation:
    """All rules for one resident. `unassessed`: risks that nobody assessed (R-79); `calls_with`: devices."""

    resident: Resident
    rules: tuple[Effective, ...]
    unassessed: tuple[Risk, ...]
    calls_with: tuple[str, ...]
    stand_ins: tuple[str, ...]


def explain(
    rules: RuleSet, registry: Registry, resident: str, lines: Mapping[Path, int] | None = None
) -> Explanation:
    """The rules as they hold for a resident; `lines` of the file's text (`toml_lines.lines`).

    Raises KeyError for somebody who is not in the registry.
    """
    subject = residents(registry)[resident]
    person = registry.residents[resident]
    around = _around(registry, resident)
    known = lines or {}
    return Explanation(
        person,
        tuple(
            _effective(definition, number, subject, registry, around, known)
            for number, definition in enumerate(rules)
        ),
        unassessed(person),
        tuple(device.id for device in subject.lines),
        tuple(device.id for device in subject.stand_ins),
    )


def unassessed(resident: Resident) -> tuple[Risk, ...]:
    """Which of the nine risks nobody assessed (R-79)."""
    return tuple(risk for risk in Risk if resident.risk(risk) is RiskLevel.UNASSESSED)


def idle_overrides(rules: RuleSet, registry: Registry) -> list[str]:
    """Overrides for a resident that can do nothing: no device of hers can tell what the rule wants.

    Each in words; what only staff tell (checks) is no device's, and of a device whose model nobody knows
    nobody can say.
    """
    found = []
    people = residents(registry)
    for number, definition in enumerate(rules):
        for name in definition.resident:
            if name not in people:
                continue
            made = _effective(definition, number, people[name], registry, _around(registry, name), {})
            if made.blind and definition.kind.name != "missed_check":
                found.append(
                    f"rule {definition.id!r}, resident {name}: none of her devices tells what it needs"
                )
    return found


_Around = tuple[tuple[Device, frozenset[str] | None], ...]


def _around(registry: Registry, resident: str) -> _Around:
    """Her devices and those of where she lives, each with what its model tells; None: nobody knows."""
    return tuple(
        (device, _told_by(device))
        for device in registry.devices.values()
        if device.resident == resident
        or (not device.resident and resident in registry.dwellers(device.place))
    )


def _told_by(device: Device) -> frozenset[str] | None:
    entries = entries_of_any(device.model) if device.model else ()
    return frozenset(metric for entry in entries for metric in tells(entry)) if entries else None


def _effective(
    definition: Definition,
    number: int,
    subject: Subject,
    registry: Registry,
    around: _Around,
    lines: Mapping[Path, int],
) -> Effective:
    kind, path = definition.kind, ("rule", number)
    lines = lines if path in lines else {}  # a rule about life that the file leaves out holds all the same
    written: dict[str, tuple[Any, str, int]] = {
        key: (value, "rule", line_of(lines, (*path, key)) if lines else 0)
        for key, value in definition.fields.items()
    }
    layers, settings = definition.fitting(tuple(definition.applying(subject, registry)))
    for scope, name, layer in layers:
        names = name.split(".", 1) if scope == "risk" else [name]
        for key, value in layer.items():
            line = line_of(lines, (*path, scope, *names, key)) if lines else 0
            written[key] = (value, f"{scope} {name}", line)
    values = []
    for name, field in kind.settings.model_fields.items():
        key = field.alias or name
        made = as_written(getattr(settings, name), field)
        raw, source, line = written.get(key, (None, KIND, 0))
        values.append(Value(key, made if raw is None else as_written(raw), source, line))
    wanted = kind.metrics(settings)
    return Effective(
        definition.id,
        kind.name,
        line_of(lines, path) if lines else 0,
        _off(kind, subject, values, enabled=settings.enabled),
        str(settings.severity),
        tuple(values),
        tuple(device.id for device, told in around if told is not None and told & wanted),
        tuple(device.id for device, told in around if told is None),
    )


def _off(kind: Kind[Any, Any], subject: Subject, values: list[Value], *, enabled: bool) -> str:
    if not enabled:
        by = next(value for value in values if value.key == "enabled")
        return f"enabled = false by {by.source}" + (f" (line {by.line})" if by.line else "")
    if not kind.watches(subject):
        return _NOT_HERS.get(kind.name, "not about her")
    return ""
