"""Rule files: TOML text in, a RuleSet out, or everything that is wrong with it. Rule: all or nothing.

    [[rule]]
    id = "night-round"          # unique; a-z, 0-9 and -; at most 64
    kind = "missed_check"       # a name of rules.kinds; its settings follow
    check = "visit"
    every = "2h"
    between = ["21:00", "07:00"]
    [rule.care_level.1]         # overrides: the resident's win over her place's (the innermost first),
    every = "1h"                # those over her risks', her visit tier's, her care level's, the rule's own
    [rule.risk.bed_fall.high]   # risk and level: low, medium, high or unassessed (R-79)
    every = "1h"
    [rule.place.building-2]
    enabled = false
    [rule.resident.r-03]
    every = "30min"

All is checked rule by rule and override by override; where there is a registry, against it too, and together
for everybody to whom several overrides apply.
A life-safety kind (sos, fall, environment) that the file does not name holds all the same: leaving it out
would be switching it off.
"""

import re
import tomllib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from devices.registry import CareLevel, Registry, Risk, RiskLevel, VisitTier
from rules.decision import DRILL, DUTY, FLOOD, TECHNICAL
from rules.kind import Kind, Subject
from rules.kinds import KINDS
from rules.ruleset import SCOPES, Definition, Fields, RuleSet
from rules.settings import advice
from rules.toml_lines import Path, line_of, lines
from rules.unreadable import UNREADABLE

_ID = re.compile(r"[a-z0-9-]{1,64}")
_RESERVED = frozenset((DRILL, DUTY, FLOOD, TECHNICAL, UNREADABLE))
_SYNTAX = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to put right: its line (from 1), where it is in words, and what to do."""

    line: int
    where: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.where}: {self.message}"


@dataclass(frozen=True, slots=True)
class _Fault:
    path: Path
    where: str
    message: str


def load(text: str, registry: Registry | None = None) -> RuleSet | list[Problem]:
    """The rules of a TOML text, or all its problems in the order of their lines.

    With a registry, overrides for residents and places that it does not know are problems too.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return [_syntax_problem(text, str(error))]
    except RecursionError:
        return [Problem(1, "file", "not TOML that can be read: brackets within brackets, too many")]
    except ValueError:  # of whole numbers with thousands of digits
        return [Problem(1, "file", "not TOML that can be read: a number is too long")]
    faults: list[_Fault] = []
    definitions = tuple(_definitions(document, registry, faults))
    if not faults:
        return RuleSet(definitions)
    found = lines(text)
    return sorted({Problem(line_of(found, fault.path), fault.where, fault.message) for fault in faults})


def default_text() -> str:
    """What default.toml of this package says."""
    return (resources.files("rules") / "default.toml").read_text("utf-8")


def default() -> RuleSet:
    """The rules of a home that has set none of its own: default.toml of this package."""
    rules = load(default_text())
    assert isinstance(rules, RuleSet), rules  # noqa: S101 -- our own file, which a test loads
    return rules


def _syntax_problem(text: str, error: str) -> Problem:
    match = _SYNTAX.fullmatch(error)
    line = int(match[2]) if match and match[2] else text.count("\n") + 1
    return Problem(line, "file", f"not TOML: {match[1] if match else error}")


def _definitions(
    document: dict[str, Any], registry: Registry | None, faults: list[_Fault]
) -> Iterator[Definition]:
    faults.extend(
        _Fault((key,), "file", f'unknown key "{key}": a rule file has [[rule]] only')
        for key in document.keys() - {"rule"}
    )
    rules = document.get("rule", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        faults.append(_Fault(("rule",), "file", "write [[rule]], in two brackets, before every rule"))
        return
    taken: set[str] = set()
    kinds: set[str] = set()
    for number, written in enumerate(rules):
        definition = _definition(("rule", number), written, registry, taken, faults)
        if definition:
            kinds.add(definition.kind.name)
            yield definition
    for kind in KINDS.values():
        if kind.life_safety and kind.name not in kinds:
            yield Definition(kind.name, kind, {})


def _definition(
    path: Path, written: dict[str, Any], registry: Registry | None, taken: set[str], faults: list[_Fault]
) -> Definition | None:
    """One rule; None when its id, its kind or an override is none at all."""
    name, kind = written.get("id"), written.get("kind")
    where = f'rule "{name}"' if isinstance(name, str) else f"rule number {int(path[1]) + 1}"
    wrong = _wrong_id(name, kind, taken)
    if wrong:
        faults.append(_Fault((*path, "id"), where, wrong))
    if isinstance(name, str):
        taken.add(name)
    if not isinstance(kind, str) or kind not in KINDS:
        faults.append(_Fault((*path, "kind"), where, f"kind: give one of {', '.join(sorted(KINDS))}"))
        return None
    overrides: dict[str, Mapping[str, Fields]] = {}
    for scope in SCOPES:
        layers = _layers(scope, written.get(scope, {}))
        if layers is None:
            how = "<risk>.<level>" if scope == "risk" else "<name>"
            faults.append(_Fault((*path, scope), where, f"write overrides as [rule.{scope}.{how}]"))
            return None
        overrides[scope] = layers
    own = {key: value for key, value in written.items() if key not in {"id", "kind", *SCOPES}}
    definition = Definition(str(name), KINDS[kind], own, **overrides)
    faults.extend(_faults(definition, path, where, registry))
    return definition


def _layers(scope: str, written: object) -> Mapping[str, Fields] | None:
    """The overrides of a scope by name, those of a risk by risk and level; None where they are no tables."""
    if not isinstance(written, dict) or not all(isinstance(layer, dict) for layer in written.values()):
        return None
    if scope != "risk":
        return written
    levels = {f"{risk}.{level}": layer for risk, of in written.items() for level, layer in of.items()}
    return levels if all(isinstance(layer, dict) for layer in levels.values()) else None


def _wrong_id(name: object, kind: object, taken: Container[object]) -> str:
    if not isinstance(name, str) or not _ID.fullmatch(name):
        return 'id: give every rule one, of a-z, 0-9 and "-", at most 64 characters'
    reserved = name in _RESERVED or (name in KINDS and KINDS[name].life_safety and name != kind)
    if reserved:
        return f'id: "{name}" is reserved; take another'
    return f'id: "{name}" is taken by a rule above; take another' if name in taken else ""


def _faults(definition: Definition, path: Path, where: str, registry: Registry | None) -> Iterator[_Fault]:
    """What is wrong with the settings and overrides of a rule."""
    kind, own = definition.kind, definition.fields
    errors = _errors(kind, own)
    for error in errors:
        yield _fault(kind, error, path, where)
    known = _known(registry)
    for scope in SCOPES:
        layers = definition.overrides(scope)
        for name, layer in layers.items():
            here, at = f"{where}, {scope} {name}", (*path, scope, *_keys(scope, name))
            if name not in known.get(scope, layers):
                choice = _CHOICES.get(scope, f"a {scope} of the registry")
                yield _Fault(at, here, f'there is no {scope} "{name}": name {choice}')
            for error in _errors(kind, {**own, **layer}):
                about_layer = error["loc"][0] in layer if error["loc"] else not errors
                if about_layer:
                    yield _fault(kind, error, at, here)
    if registry is not None and not errors:
        yield from _misfits(definition, path, where, registry)


def _misfits(definition: Definition, path: Path, where: str, registry: Registry) -> Iterator[_Fault]:
    """Overrides that are right one by one, and wrong together for somebody."""
    kind, own, people = definition.kind, definition.fields, registry.residents.values()
    subjects = [
        *(Subject(one.id, one, one.place) for one in people),
        *(Subject(place, place=place) for place in (registry.places if definition.place else ())),
    ]
    seen: set[tuple[tuple[str, str], ...]] = set()
    for subject in subjects:
        layers = tuple(definition.applying(subject, registry))
        names = tuple((scope, name) for scope, name, _ in layers)
        if len(layers) < 2 or names in seen:
            continue
        seen.add(names)
        errors = _errors(kind, definition.written(layers))
        if not errors or any(_errors(kind, {**own, **layer}) for _, _, layer in layers):
            continue  # fits; or what is wrong with one alone has been said
        scope, name, _ = layers[-1]
        others = " and ".join(f"{of} {which}" for of, which in reversed(names[:-1]))
        here = f"{where}, {scope} {name}"
        for error in errors:
            fault = _fault(kind, error, (*path, scope, *_keys(scope, name)), here)
            yield replace(fault, message=f"{fault.message} (for {subject.id}, together with {others})")


def _keys(scope: str, name: str) -> Path:
    return tuple(name.split(".", 1)) if scope == "risk" else (name,)


_TIERS = [tier.value for tier in VisitTier if tier]
_CHOICES = {
    "care_level": "special, 1, 2 or 3",
    "visit_tier": ", ".join(_TIERS),
    "risk": f"one of {', '.join(Risk)}, and low, medium, high or unassessed, as in bed_fall.high",
}


def _known(registry: Registry | None) -> dict[str, Container[str]]:
    words: dict[str, Container[str]] = {
        "care_level": {level.value for level in CareLevel},
        "visit_tier": _TIERS,
        "risk": {f"{risk}.{level}" for risk in Risk for level in RiskLevel},
    }
    if registry is None:
        return words
    return {**words, "place": registry.places, "resident": registry.residents}


def _errors(kind: Kind[Any, Any], fields: Fields) -> list[ErrorDetails]:
    try:
        kind.settings.model_validate(fields)
    except ValidationError as error:
        return error.errors()
    return []


def _fault(kind: Kind[Any, Any], error: ErrorDetails, path: Path, where: str) -> _Fault:
    key = str(error["loc"][0]) if error["loc"] else ""
    names = [part for part in error["loc"] if isinstance(part, str) and part != "[key]"]
    match error["type"]:
        case "extra_forbidden":
            fields = kind.settings.model_fields.items()
            known = sorted(field.alias or name for name, field in fields)
            message = f"unknown key: {kind.name} takes {', '.join(known)}"
        case "missing":
            alone = len(error["loc"]) == 1
            message = "is missing: every rule of this kind needs it" if alone else "has too few values"
        case "value_error":
            message = str(error["ctx"]["error"])
        case _:
            message = advice(error, _field(kind, key))
    return _Fault((*path, key), where, f"{' '.join(names)}: {message}" if key else message)


def _field(kind: Kind[Any, Any], key: str) -> FieldInfo | None:
    """The setting that is written by this key."""
    fields = kind.settings.model_fields
    return fields.get(key) or next((field for field in fields.values() if field.alias == key), None)
