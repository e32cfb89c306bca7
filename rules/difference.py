"""What differs between two sets of rules, as written: rule by rule, override by override, key by key.

Rule: every difference is one `Change`; equal sets have none (R-61: before and after of every threshold).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules.ruleset import SCOPES, Definition, Fields, RuleSet


@dataclass(frozen=True, slots=True)
class Change:
    """One key of one rule. `scope` is whose override it is ("resident r-03"), "" the rule's own.

    `key` "" is the whole rule, which came or went: then the side on which it is says its kind. Values are as
    written; "" where there is none (then the rule's or the kind's own holds).
    """

    rule: str
    scope: str
    key: str
    before: str
    after: str

    def __str__(self) -> str:
        where = " ".join(part for part in (self.rule, self.scope, self.key) if part)
        return f"{where}: {self.before or '-'} -> {self.after or '-'}"


def difference(before: RuleSet, after: RuleSet) -> list[Change]:
    """All that differs, in the order of the rules after, then those that are gone."""
    old = {definition.id: definition for definition in before}
    new = {definition.id: definition for definition in after}
    changes = [change for name, rule in new.items() for change in _of_rule(old.get(name), rule)]
    changes += [Change(name, "", "", rule.kind.name, "") for name, rule in old.items() if name not in new]
    return changes


def _of_rule(old: Definition | None, new: Definition) -> Iterator[Change]:
    if old is None or old.kind is not new.kind:
        yield Change(new.id, "", "", old.kind.name if old else "", new.kind.name)
        return
    yield from _of_fields(new.id, "", old.fields, new.fields)
    for scope in SCOPES:
        layers_before, layers_after = old.overrides(scope), new.overrides(scope)
        for name in dict.fromkeys([*layers_before, *layers_after]):
            yield from _of_fields(
                new.id, f"{scope} {name}", layers_before.get(name, {}), layers_after.get(name, {})
            )


def _of_fields(rule: str, scope: str, old: Fields, new: Fields) -> Iterator[Change]:
    for key in dict.fromkeys([*old, *new]):
        before, after = _written(old, key), _written(new, key)
        if before != after:
            yield Change(rule, scope, key, before, after)


def _written(fields: Mapping[str, Any], key: str) -> str:
    return repr(fields[key]) if key in fields else ""
