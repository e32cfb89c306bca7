"""The short form of `make fuzz`, which needs nothing installed; and what it found stays found."""

from random import Random

import pytest

from devices.families import FAMILIES
from tests.devices.seeds import Seed
from tests.fuzz.mutation import mutated
from tests.fuzz.target import KINDS, Place, family_at, found, inputs, judge, places, samples, split

_TRIES = 1500


@pytest.mark.parametrize("kind", KINDS)
def test_changed_payloads_on_topics_of_all_families_keep_the_laws(kind: str) -> None:
    chance = Random(kind)  # noqa: S311  the same inputs in every run
    for _ in range(_TRIES):
        place, payload = chance.choice(samples(kind))
        judge(place if chance.random() < 0.8 else chance.choice(places(kind)), mutated(kind, payload, chance))


@pytest.mark.parametrize("seed", found(), ids=lambda seed: seed.family)
def test_what_was_found_keeps_the_laws(seed: Seed) -> None:
    judge(Place(seed.topic, seed.model), seed.raw)


def test_every_family_is_fuzzed() -> None:
    fuzzed = {family_at(place, payload) for kind in KINDS for place, payload in samples(kind)}
    assert fuzzed >= set(FAMILIES)


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_come_apart_again(kind: str) -> None:
    assert [split(kind, data) for data in inputs(kind)] == list(samples(kind))
