"""The real payloads of the shared collection, of the decoded families. Skipped where it is absent."""

import pytest

from devices.decode import decode, family_of
from devices.normalise import normalise
from devices.reading import Decoded, Models, Rejected
from devices.registry import Registry
from tests.cases import (
    FAMILIES_OF,
    FILE,
    Answer,
    Case,
    Observed,
    by_id,
    cases,
    faults,
    message_of,
)

needs_the_collection = pytest.mark.skipif(
    not FILE.exists(), reason="the shared collection of real payloads is not here"
)


def answer_to(case: Case) -> Answer:
    facts: dict[tuple[str, str], str] = {}
    known = Models(default=case["device_model"], facts=facts)
    for earlier in case.get("after", ()):
        taught = decode(message_of(by_id(earlier)), known)
        assert isinstance(taught, Decoded)
        facts |= {(fact.about, fact.field): fact.value for fact in taught.learned}
    message = message_of(case)
    decoded = decode(message, known)
    if isinstance(decoded, Rejected):
        return Answer((), decoded.device)
    found = normalise(decoded, message, Registry()).observations
    return Answer(tuple(Observed(one.device, one.metric, one.value, one.at) for one in found))


@needs_the_collection
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_real_payload_means_what_it_should(case: Case) -> None:
    answer = answer_to(case)
    assert faults(case, answer) == [], f"{case['meaning']}\n{answer}"


@needs_the_collection
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_topic_finds_its_family(case: Case) -> None:
    found = family_of(message_of(case))
    assert found is not None
    assert found.name in FAMILIES_OF.get(case["family"], {case["family"]})
