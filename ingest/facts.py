"""What messages taught about later ones: models, births, discoveries. Kept for good, each with its place.

Rule: a fact learned from entry n holds for the entries after n. So an entry that is interpreted again means
what it meant, whatever was learned since.
"""

from bisect import bisect_right
from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

import structlog

from devices.catalogue import known_model
from devices.reading import Known, Learned
from devices.registry import Registry

log = structlog.get_logger()

ANNOUNCED = "family"
"""The fact about a topic that says whose messages come on it."""

ENTITY = "entity"
"""The fact about a topic that says as what it was announced."""

MAX_FACTS = 200_000
"""Facts kept at most: 20,000 devices with ten entities each. More is a broken or hostile sender."""

_MAX_ABOUT, _MAX_FIELD, _MAX_VALUE = 512, 32, 65_536
_MAX_CHARACTERS = 128 * 1024 * 1024


class Fact(NamedTuple):
    """One fact as it is kept: learned from the journal's entry `seq`. An empty value takes it back."""

    about: str
    field: str
    seq: int
    value: str


_Versions = list[tuple[int, str]]


class Facts:
    """All facts, on top of what the registry says (a `devices.reading.Known` of now). Owned by one caller."""

    def __init__(self, registry: Registry, kept: Iterable[Fact] = ()) -> None:
        self._registry = registry
        self._versions: dict[tuple[str, str], _Versions] = {}
        self._characters = 0
        self._changed: list[Fact] = []
        self.refused = 0
        for fact in sorted(kept, key=lambda fact: fact.seq):
            self._keep(fact)

    def learn(self, seq: int, learned: Iterable[Learned], *, ahead: bool = False) -> list[Fact]:
        """Take up what entry `seq` taught; what of it is new.

        `ahead`: entries before it come only later (those about life go first). What it taught stays then,
        even if it is what was known already. A fact for which there is no room takes back the one it would
        replace: better unknown than wrong.
        """
        new: list[Fact] = []
        for about, field, value in ((one.about, one.field, one.value) for one in learned):
            known = self.version(about, field, seq + 1)
            if known == value and not ahead:
                continue
            fact = Fact(about, field, seq, value)
            if not self._fits(fact):
                self._refuse(field)
                if known in {"", value}:
                    continue
                fact = fact._replace(value="")
            self._keep(fact)
            self._changed.append(fact)
            new.append(fact)
        return new

    @property
    def size(self) -> tuple[int, int]:
        """How many facts there are, and characters in all their versions."""
        return len(self._versions), self._characters

    def changed(self) -> list[Fact]:
        """What was learned since the last call, for the checkpoint."""
        changed, self._changed = self._changed, []
        return changed

    def forget(self, stored: int) -> None:
        """Drop what no entry after `stored` needs: what up to there was replaced or taken back."""
        gone: list[tuple[str, str]] = []
        for (about, field), versions in self._versions.items():
            while len(versions) > 1 and versions[1][0] <= stored:
                self._characters -= len(about) + len(versions.pop(0)[1])
            if len(versions) == 1 and versions[0][0] <= stored and not versions[0][1]:
                gone.append((about, field))
        for about, field in gone:
            del self._versions[about, field]
            self._characters -= len(about)

    def about(self, field: str) -> list[str]:
        """What has this fact now: the topics that were announced, say."""
        return [
            about for (about, name), versions in self._versions.items() if name == field and versions[-1][1]
        ]

    def models(self, device: str) -> tuple[str, ...]:
        """The learned model, then the registered one; of a device for calling the registered one alone."""
        return _models(self.fact(device, "model"), device, self._registry)

    def fact(self, about: str, field: str) -> str:
        """The fact as it is now, "" when there is none."""
        versions = self._versions.get((about, field))
        return versions[-1][1] if versions else ""

    def clock_zone(self, device: str) -> str:
        """The registry's."""
        return self._registry.clock_zone(device)

    def before(self, seq: int) -> Known:
        """What was known when entry `seq` came."""
        return _Before(self, self._registry, seq)

    def version(self, about: str, field: str, seq: int) -> str:
        """The fact as entry `seq` found it."""
        versions = self._versions.get((about, field), ())
        return next((value for learned, value in reversed(versions) if learned < seq), "")

    def _refuse(self, field: str) -> None:
        self.refused += 1
        if self.refused == 1:
            log.warning("too_many_facts", field=field)

    def _fits(self, fact: Fact) -> bool:
        if len(fact.about) > _MAX_ABOUT or len(fact.field) > _MAX_FIELD or len(fact.value) > _MAX_VALUE:
            return False
        known = (fact.about, fact.field) in self._versions
        room = self._characters + len(fact.about) + len(fact.value) <= _MAX_CHARACTERS
        return room and (known or len(self._versions) < MAX_FACTS)

    def _keep(self, fact: Fact) -> None:
        self._characters += len(fact.about) + len(fact.value)
        versions = self._versions.setdefault((fact.about, fact.field), [])
        versions.insert(bisect_right(versions, fact.seq, key=itemgetter(0)), (fact.seq, fact.value))


class _Before(NamedTuple):
    """`Known` at a place in the journal."""

    facts: Facts
    registry: Registry
    seq: int

    def models(self, device: str) -> tuple[str, ...]:
        return _models(self.fact(device, "model"), device, self.registry)

    def fact(self, about: str, field: str) -> str:
        return self.facts.version(about, field, self.seq)

    def clock_zone(self, device: str) -> str:
        return self.registry.clock_zone(device)


def _models(learned: str, device: str, registry: Registry) -> tuple[str, ...]:
    """What somebody teaches of a call button must not silence it, where the registry says what it is."""
    registered = registry.models(device)
    if not learned or (registry.calls(device) and any(map(known_model, registered))):
        return registered
    return (learned, *registered)
