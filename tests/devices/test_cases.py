"""The real payloads of the shared collection, of the decoded families. Skipped where it is absent."""

import pytest

from devices.catalogue import ENTRIES
from devices.decode import FAMILIES, decode, family_of
from devices.message import Message
from devices.normalise import normalise
from devices.reading import Models, Rejected
from devices.registry import Registry
from tests.cases import ARRIVED, FILE, NOT_YET, Answer, Case, Observed, all_cases, cases, faults, payload_of

needs_the_collection = pytest.mark.skipif(
    not FILE.exists(), reason="the shared collection of real payloads is not here"
)


def answer_to(case: Case) -> Answer:
    message = Message(case["topic"], payload_of(case), ARRIVED)
    decoded = decode(message, Models(default=case["device_model"]), case["family"])
    if isinstance(decoded, Rejected):
        return Answer((), decoded.device)
    found = normalise(decoded, message, Registry()).observations
    return Answer(tuple(Observed(one.device, one.metric, one.value, one.at) for one in found))


@needs_the_collection
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_real_payload_means_what_it_should(case: Case) -> None:
    if case["id"] in NOT_YET:
        pytest.skip(NOT_YET[case["id"]])
    answer = answer_to(case)
    assert faults(case, answer) == [], f"{case['meaning']}\n{answer}"


@needs_the_collection
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_topic_finds_its_family(case: Case) -> None:
    found = family_of(case["topic"])
    assert found is not None
    assert found.name == case["family"]


@needs_the_collection
def test_topics_of_other_families_are_not_claimed() -> None:
    for case in all_cases():
        if case["family"] not in FAMILIES and not case["topic"].startswith(
            "application/"
        ):  # ChirpStack's own
            assert family_of(case["topic"]) is None, case["topic"]


def test_the_catalogue_is_there() -> None:
    assert {entry.dialect for entry in ENTRIES} == {"zigbee2mqtt", "lorawan"}
