"""R-94: a device whose readings are impossible says so of itself, once, until they are possible again."""

import json
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.message import Message
from devices.registry import Device, Place, PlaceKind, Registry, Resident
from devices.usability import USABLE
from ingest.facts import Facts
from ingest.interpret import Interpreted, interpret

T0 = 1_790_000_000_123
HOME = Registry.of(
    [Place("site", PlaceKind.SITE), Place("bed", PlaceKind.BED, parent="site")],
    [Resident("wang", "bed")],
    [Device("watch", site="site", resident="wang")],
)


class Heard:
    """What messages of one device mean, one after the other."""

    def __init__(self, registry: Registry = HOME) -> None:
        self.registry, self.facts, self.count = registry, Facts(registry), 0

    def __call__(self, payload: Mapping[str, object] | bytes, device: str = "watch") -> Interpreted:
        self.count += 1
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        message = Message(f"shouwang/v1/site/{device}/telemetry", content, T0 + self.count * 1000)
        said = interpret(message, self.registry, "site", self.facts.before(self.count))
        self.facts.learn(self.count, said.learned)
        return said

    def usable(self, payload: Mapping[str, object] | bytes, device: str = "watch") -> list[object]:
        said = self(payload, device)
        assert len(said.observations) == len(said.identities) == len(said.good_for)
        return [o.value for o in said.observations if o.metric == USABLE]


def test_r94_it_is_told_once_when_it_begins_and_once_when_it_is_over() -> None:
    heard = Heard()
    assert heard.usable({"heart_rate": 70}) == []
    assert heard.usable({"heart_rate": 999}) == [False]
    assert heard.usable({"heart_rate": 999}) == []
    assert heard.usable({"spo2": 97}) == [], "another metric says nothing of this one"
    assert heard.usable({"heart_rate": 71}) == [True]
    assert heard.usable({"heart_rate": 72}) == []


def test_r94_it_names_whose_it_is_and_which_metrics() -> None:
    (told,) = (o for o in Heard()({"heart_rate": 999, "spo2": 400}).observations if o.metric == USABLE)
    assert (told.resident, told.place, told.device, told.detail) == (
        "wang",
        "bed",
        "watch",
        "heart_rate, spo2",
    )


def test_r94_a_message_that_cannot_be_read_is_over_with_one_that_can() -> None:
    heard = Heard()
    assert heard.usable(b"{{{") == [False]
    assert heard.usable(b"{{{") == []
    assert heard.usable({"steps": 5}) == [True]


@pytest.mark.parametrize("payload", [{"heart_rate": 0}, {"colour": 1}, b""])
def test_r95_no_value_is_no_fault(payload: Mapping[str, object] | bytes) -> None:
    assert Heard().usable(payload) == []


def test_who_is_not_registered_is_not_ours_to_look_after() -> None:
    assert Heard().usable({"heart_rate": 999}, device="stranger") == []


_READINGS = st.lists(
    st.dictionaries(st.sampled_from(["heart_rate", "spo2", "steps"]), st.sampled_from([60, 99_999_999])),
    max_size=30,
)


@given(_READINGS)
def test_r94_what_is_told_is_whether_any_metric_s_newest_reading_was_impossible(
    messages: Sequence[Mapping[str, int]],
) -> None:
    heard = Heard()
    newest: dict[str, bool] = {}
    stands = True
    for readings in messages:
        told = heard.usable(readings)
        newest |= {metric: value == 60 for metric, value in readings.items()}
        stands = bool(told[-1]) if told else stands
        assert stands is all(newest.values())
