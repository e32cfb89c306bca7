"""rules/README.md is true: it names every kind and every setting, with its default; its examples load."""

import re
import tomllib
from importlib import resources
from typing import Annotated

import pytest
from pydantic import TypeAdapter

from rules.configuration import load
from rules.kinds import KINDS
from rules.ruleset import RuleSet

GUIDE = (resources.files("rules") / "README.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### `(\w+)`.*?$(.*?)(?=^##|\Z)", GUIDE, re.MULTILINE | re.DOTALL))
_ROW = re.compile(r"^\| `(\w+)` \| (?:`(.*?)`)? ?\|", re.MULTILINE)


def test_it_tells_of_every_kind() -> None:
    assert SECTIONS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_it_tells_every_setting_with_its_default(kind: str) -> None:
    fields = {field.alias or name: field for name, field in KINDS[kind].settings.model_fields.items()}
    told: dict[str, str] = dict(_ROW.findall(SECTIONS[kind]))
    assert told.keys() == fields.keys() - {"enabled", "severity"}
    for key, default in told.items():
        field = fields[key]
        if default:
            read: TypeAdapter[object] = TypeAdapter(Annotated[field.annotation, "", *field.metadata])
            assert read.validate_python(tomllib.loads(f"it = {default}")["it"]) == field.default, key
        else:
            assert field.is_required() or field.default is None, key


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL))
def test_its_examples_are_rules(example: str) -> None:
    assert isinstance(load(example), RuleSet), load(example)
