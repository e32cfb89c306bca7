"""Facts that are lists, as families write them and read them again (`devices.reading.Learned`).

Rule: a fact that is not what was written is an empty list, never an error. No fact is longer than is kept.
"""

from collections.abc import Sequence

import orjson

from devices.envelope import Json

MAX_BYTES = 60_000
"""The longest list: a longer fact would be refused (`ingest.facts`), and the device not be known at all."""


def texts_in(fact: str) -> list[str]:
    """The texts of a fact that is a JSON list of them."""
    return [one for one in _list(fact) if isinstance(one, str)]


def objects_in(fact: str) -> list[dict[str, Json]]:
    """The objects of a fact that is a JSON list of them."""
    return [one for one in _list(fact) if isinstance(one, dict)]


def _list(fact: str) -> list[Json]:
    if not fact:
        return []
    try:
        found = orjson.loads(fact)
    except orjson.JSONDecodeError:
        return []
    return found if isinstance(found, list) else []


def written(values: Sequence[object]) -> str:
    """A list as a fact, cut off where it is too long; "", which takes the fact back, when it is empty."""
    while values:
        fact = orjson.dumps(values)
        if len(fact) <= MAX_BYTES:
            return fact.decode()
        values = values[: min(len(values) - 1, len(values) * MAX_BYTES // len(fact))]
    return ""
