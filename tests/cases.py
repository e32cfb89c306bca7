"""The shared collection of real payloads: where it is, what its cases send, and what is wrong with an answer.

The collection is not part of this repository: SHOUWANG_SHARED names its folder, else `../shared` is tried.
"""

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from devices.families import FAMILIES
from devices.message import Message
from devices.metrics import METRICS, Kind

SHARED = Path(os.environ.get("SHOUWANG_SHARED") or Path(__file__).parents[2] / "shared")
FILE = SHARED / "cases" / "dev.jsonl"
ARRIVED = 1_790_000_000_000
FAMILIES_OF = {
    "moko-lw004": {"chirpstack4"},  # a frame in ChirpStack's envelope
    "sagoo-iot": {"aliyun"},  # the same topics and words
    "openmqttgateway": {"openmqttgateway", "theengs"},  # the same topics from two gateways
    "theengs": {"openmqttgateway", "theengs"},
}
"""Where the collection's family is ours under another name."""

Case = dict[str, Any]


class Observed(NamedTuple):
    """An observation as a case can judge it."""

    device: str
    metric: str
    value: object
    at: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a case's message. `rejected` is None, or the device of what was rejected ("": unknown)."""

    observed: tuple[Observed, ...]
    rejected: str | None = None


def cases() -> list[Case]:
    """The cases of the families that are decoded; none where the collection is absent."""
    return [case for case in all_cases() if FAMILIES_OF.get(case["family"], {case["family"]}) & set(FAMILIES)]


def by_id(name: str) -> Case:
    """The case of this id."""
    return next(case for case in all_cases() if case["id"] == name)


def message_of(case: Case) -> Message:
    """What the case's device sends, as it arrives."""
    return Message(case["topic"], payload_of(case), ARRIVED)


def all_cases() -> list[Case]:
    """The cases of all families."""
    if not FILE.exists():
        return []
    return [json.loads(line) for line in FILE.read_text("utf-8").splitlines() if line.strip()]


def payload_of(case: Case) -> bytes:
    """The bytes that the case's device sends."""
    payload = case["payload"]
    if isinstance(payload, dict) and set(payload) == {"base64"}:
        return base64.b64decode(payload["base64"])
    if isinstance(payload, dict) and set(payload) == {"text"}:
        return str(payload["text"]).encode()
    return json.dumps(payload, ensure_ascii=False).encode()


def faults(case: Case, answer: Answer) -> list[str]:
    """What is wrong with an answer, in words; nothing when it is right, or right in another way."""
    readings = [case, *({**case, **other} for other in case.get("also", ()))]
    found = [_faults(reading, answer) for reading in readings]
    return [] if [] in found else [fault for each in found for fault in each]


def _equal(wanted: object, value: object) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool) or isinstance(wanted, str):
        return wanted is value or wanted == value
    assert isinstance(wanted, (int, float))
    return isinstance(value, (int, float)) and abs(wanted - value) <= max(abs(wanted) * 0.01, 1e-9)


def _faults(case: Case, answer: Answer) -> list[str]:
    found = []
    outcome, observed = case["outcome"], answer.observed
    if outcome == "rejected" and observed:
        found.append("expected rejection")
    if outcome == "nothing" and (observed or answer.rejected is not None):
        found.append("expected nothing")
    if outcome == "observations" and not observed:
        found.append(f"expected observations: {answer}")
    by_metric: dict[str, list[Observed]] = {}
    for one in observed:
        by_metric.setdefault(one.metric, []).append(one)
    for wanted in case["expect"]:
        there = [
            held
            for held in by_metric.get(wanted["metric"], [])
            if held.device == wanted.get("device", held.device)
        ]
        right = [held for held in there if _equal(wanted["value"], held.value)]
        if not right:
            values = [held.value for held in there]
            found.append(f"{wanted['metric']} should be {wanted['value']}, is {values}")
        elif case.get("at_ms") is not None and all(abs(held.at - case["at_ms"]) > 1 for held in right):
            times = [held.at for held in right]
            found.append(f"{wanted['metric']} should be at {case['at_ms']}, is at {times}")
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
    devices |= {wanted["device"] for wanted in case["expect"] if "device" in wanted}
    if case.get("device") is not None:
        found += [f"device {one.device!r}" for one in observed if one.device not in devices]
        if answer.rejected is not None and answer.rejected not in devices:
            found.append(f"rejected without the device: {answer.rejected!r}")
    return found
