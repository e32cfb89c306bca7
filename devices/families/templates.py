"""Templates of Home Assistant that do no more than pick a value: `{{ value_json.x | float }}`.

Rule: no template is ever run (they are code of whoever may publish); what is not understood is said to be.
"""

import re

from devices.envelope import Json

_TEMPLATE = re.compile(
    r"\{\{-?\s*(?:float\(|int\()?\s*(value_json|value)((?:\.\w{1,60}|\[\s*(?:'[^'\]]{1,60}'|\"[^\"\]]{1,60}\"|\d{1,3})\s*\]"
    r"|\.get\(\s*(?:'[^')]{1,60}'|\"[^\")]{1,60}\")\s*\)){0,8})\s*\)?"
    r"((?:\s*\|\s*(?:int|float|round|default|is_defined|string|lower|upper|trim)\s*(?:\([^()|{}]{0,40}\))?){0,6})\s*-?\}\}"
)
_STEP = re.compile(r"\.get\(\s*['\"]([^'\")]+)['\"]\s*\)|\.(\w+)|\[\s*(?:'([^']+)'|\"([^\"]+)\"|(\d+))\s*\]")
_MAX_TEXT = 200


def path_of(template: str) -> Json:
    """What a template picks: a path into JSON, None for the whole text, False when it does more."""
    if not template.strip():
        return None
    found = _TEMPLATE.fullmatch(template.strip()[:_MAX_TEXT])
    if found is None:
        return False
    if found.group(1) == "value":
        return False if found.group(2) else None
    steps = _STEP.findall(found.group(2))
    return [int(one[4]) if one[4] else next(part for part in one if part) for one in steps]


def picked(payload: Json, path: tuple[str | int, ...]) -> Json:
    """What is at a path of a JSON value, None when there is nothing."""
    for step in path:
        if isinstance(payload, dict) and isinstance(step, str):
            payload = payload.get(step)
        elif isinstance(payload, list) and isinstance(step, int) and step < len(payload):
            payload = payload[step]
        else:
            return None
    return payload
