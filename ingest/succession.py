"""Other rules made ready to take over, in any thread. Rule: the engine at work is not touched here."""

from collections.abc import Iterable
from typing import NamedTuple

from devices.registry import Registry
from ingest.checkpoint import Checkpoint
from rules.engine import Engine
from rules.ruleset import RuleSet
from rules.snapshot import HELD, Changes, row

Keys = list[tuple[str, str]]
"""Memories by (rule, subject)."""


class Successor(NamedTuple):
    """An engine as of a checkpoint: whose memories it has no use for, and what it adapted or began."""

    engine: Engine
    unused: Keys
    adapted: Changes


def successor(rules: RuleSet, registry: Registry, checkpoint: Checkpoint, now: int) -> Successor:
    """Other rules with the memories of the last checkpoint; what is new to them begins at `now` (ms UTC)."""
    engine = Engine(rules, registry, now)
    unused = engine.restore(kept for kept in checkpoint.memories() if kept[0] != HELD)
    return Successor(engine, unused, engine.changed())


def follow(engine: Engine, changes: Iterable[Changes]) -> Keys:
    """Take up what changed since; what waits in the reorder window goes over with the window itself."""
    return engine.restore(row(one) for part in changes for one in part.rows() if one[0] != HELD)
