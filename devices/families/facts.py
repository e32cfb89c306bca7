"""Facts that are lists, as families write them and read them again (`devices.reading.Learned`).

Rule: a fact that is not what was written is an empty list, never an error.
"""

import orjson

from devices.envelope import Json


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


def written(values: list[str] | list[dict[str, Json]]) -> str:
    """A list as a fact; "", which takes the fact back, when there is nothing in it."""
    return orjson.dumps(values).decode() if values else ""
