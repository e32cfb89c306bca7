"""The real payloads of the shared collection, of the families that are decoded. Skipped where it is absent.

The collection is not part of this repository: SHOUWANG_SHARED names its folder, else `../shared` is tried.
"""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from devices.catalogue import ENTRIES
from devices.decode import FAMILIES, decode, family_of
from devices.message import Message
from devices.metrics import METRICS, Kind
from devices.normalise import normalise
from devices.observation import Observation
from devices.reading import Decoded, Models, Rejected
from devices.registry import Registry

_ROOT = Path(os.environ.get("SHOUWANG_SHARED") or Path(__file__).parents[3] / "shared")
_FILE = _ROOT / "cases" / "dev.jsonl"
_ARRIVED = 1_790_000_000_000
_NOT_YET = {"chirpstack4-vs373-fall-protobuf": "ChirpStack's Protobuf encoding is not decoded yet"}


def _cases() -> list[dict[str, Any]]:
    if not _FILE.exists():
        return []
    cases = [json.loads(line) for line in _FILE.read_text("utf-8").splitlines() if line.strip()]
    return [case for case in cases if case["family"] in FAMILIES]


def _message(case: dict[str, Any]) -> Message:
    payload = case["payload"]
    if isinstance(payload, dict) and set(payload) == {"base64"}:
        raw = base64.b64decode(payload["base64"])
    elif isinstance(payload, dict) and set(payload) == {"text"}:
        raw = payload["text"].encode()
    else:
        raw = json.dumps(payload, ensure_ascii=False).encode()
    return Message(case["topic"], raw, _ARRIVED)


def _observe(case: dict[str, Any]) -> tuple[Decoded | Rejected, list[Observation]]:
    message = _message(case)
    decoded = decode(message, Models(default=case["device_model"]), case["family"])
    if isinstance(decoded, Rejected):
        return decoded, []
    return decoded, normalise(decoded, message, Registry()).observations


def _equal(wanted: object, value: object) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool) or isinstance(wanted, str):
        return wanted is value or wanted == value
    assert isinstance(wanted, (int, float))
    return isinstance(value, (int, float)) and abs(wanted - value) <= max(abs(wanted) * 0.01, 1e-9)


def _wrong(case: dict[str, Any], decoded: Decoded | Rejected, observed: list[Observation]) -> list[str]:
    """What is wrong with an answer, in words."""
    found = []
    outcome = case["outcome"]
    if outcome == "rejected" and observed:
        found.append("expected rejection")
    if outcome == "nothing" and (observed or isinstance(decoded, Rejected)):
        found.append("expected nothing")
    if outcome == "observations" and not observed:
        found.append(f"expected observations: {decoded}")
    by_metric: dict[str, list[Observation]] = {}
    for one in observed:
        by_metric.setdefault(one.metric, []).append(one)
    for one in case["expect"]:
        there = by_metric.get(one["metric"], [])
        right = [held for held in there if _equal(one["value"], held.value)]
        if not right:
            found.append(f"{one['metric']} should be {one['value']}, is {[held.value for held in there]}")
        elif case.get("at_ms") is not None and all(abs(held.at - case["at_ms"]) > 1 for held in right):
            found.append(f"{one['metric']} should be at {case['at_ms']}, is at {[held.at for held in right]}")
    anything = case.get("expect_any")
    if anything and not any(
        _equal(one["value"], there.value) for one in anything for there in by_metric.get(one["metric"], ())
    ):
        found.append(f"none of {anything}")
    found += [
        f"{metric} is forbidden"
        for metric in case["forbid"]
        for held in by_metric.get(metric, ())
        if METRICS[metric].kind is not Kind.STATE or held.value is True
    ]
    found += [
        f"{bad} is forbidden"
        for bad in case.get("forbid_values", ())
        if any(_equal(bad["value"], held.value) for held in by_metric.get(bad["metric"], ()))
    ]
    devices = {case.get("device"), *case.get("device_also", ())}
    if case.get("device") is not None:
        found += [f"device {one.device!r}" for one in observed if one.device not in devices]
        if isinstance(decoded, Rejected) and decoded.device not in devices:
            found.append(f"rejected without the device: {decoded.device!r}")
    return found


@pytest.mark.skipif(not _FILE.exists(), reason="the shared collection of real payloads is not here")
@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["id"])
def test_real_payload_means_what_it_should(case: dict[str, Any]) -> None:
    if case["id"] in _NOT_YET:
        pytest.skip(_NOT_YET[case["id"]])
    decoded, observed = _observe(case)
    answers = [case, *({**case, **other} for other in case.get("also", ()))]
    wrong = [_wrong(answer, decoded, observed) for answer in answers]
    assert [] in wrong, f"{wrong}\n{case['meaning']}\n{observed}"


@pytest.mark.skipif(not _FILE.exists(), reason="the shared collection of real payloads is not here")
@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["id"])
def test_topic_finds_its_family(case: dict[str, Any]) -> None:
    found = family_of(case["topic"])
    assert found is not None
    assert found.name == case["family"]


@pytest.mark.skipif(not _FILE.exists(), reason="the shared collection of real payloads is not here")
def test_topics_of_other_families_are_not_claimed() -> None:
    for line in _FILE.read_text("utf-8").splitlines():
        case = json.loads(line)
        if case["family"] not in FAMILIES and not case["topic"].startswith(
            "application/"
        ):  # ChirpStack's own
            assert family_of(case["topic"]) is None, case["topic"]


def test_the_catalogue_is_there() -> None:
    assert {entry.dialect for entry in ENTRIES} == {"zigbee2mqtt", "lorawan"}
