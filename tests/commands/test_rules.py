"""`rules explain` and `rules list`: as people read it, and for machines."""

import re
from pathlib import Path

import pytest

from tests.commands.program import called
from tests.deploy.folder import REPOSITORY

REGISTRY = """
[[place]]
id = "302"
kind = "room"
[[resident]]
id = "r-01"
place = "302"
name = "王秀英"
care_level = "1"
risk_fall = "high"
[[resident]]
id = "r-02"
place = "302"
[[device]]
id = "button-1"
kind = "button"
model = "TS0215A_sos"
resident = "r-01"
calls = true
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home.toml"
    path.write_text(REGISTRY)
    return path


def test_the_rules_of_a_resident_are_told_in_a_table(home: Path) -> None:
    answer = called("rules", "explain", "r-01", "--registry", home)
    said = answer.out.decode()
    assert answer.code == 0
    assert "can call with 呼叫设备: button-1" in said
    assert "NOT ASSESSED 未评估 (R-79): choking 噎食" in said
    assert "every = 1h" in said
    assert "care_level 1, line" in said
    assert "王秀英" not in said


def test_who_cannot_call_is_told_first(home: Path) -> None:
    said = called("rules", "explain", "r-02", "--registry", home).out.decode()
    assert "NO WAY TO CALL 没有呼叫设备" in said.partition("rules of")[0]


def test_for_machines_it_is_one_object(home: Path) -> None:
    (found,) = called("rules", "explain", "r-01", "--registry", home, "--json").lines
    rounds = next(rule for rule in found["rules"] if rule["rule"] == "night-round")
    every = next(value for value in rounds["values"] if value["key"] == "every")
    assert (every["value"], every["source"]) == ("1h", "care_level 1")
    assert every["line"] > 0
    assert found["risks"]["fall"] == "high"
    assert "fall" not in found["unassessed"]
    assert next(rule for rule in found["rules"] if rule["rule"] == "sos")["feeds"] == ["button-1"]


def test_somebody_unknown_is_asked_for_by_the_nearest_names(home: Path) -> None:
    answer = called("rules", "explain", "r-1", "--registry", home)
    assert answer.code == 2
    assert "did you mean r-01" in answer.err


def test_who_names_no_registry_is_asked_for_one() -> None:
    answer = called("rules", "explain", "r-01")
    assert (answer.code, answer.out) == (2, b"")
    assert "no registry: name one with --config or --registry" in answer.err


def test_errors_of_the_rule_file_are_told(home: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("colour = 1\n")
    answer = called("rules", "explain", "r-01", "--registry", home, "--rules", tmp_path / "rules.toml")
    assert answer.code == 2
    assert "rules.toml:1: " in answer.err


def test_a_rule_file_of_another_encoding_is_told_how_to_be_saved(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_bytes("# 夜间巡视".encode("gbk"))
    answer = called("rules", "list", "--rules", tmp_path / "rules.toml")
    assert answer.code == 2
    assert "rules.toml: is not UTF-8 text: save it as UTF-8" in answer.err


def test_kinds_have_the_chinese_names_of_the_guide(tmp_path: Path) -> None:
    guide = (REPOSITORY / "rules" / "README.md").read_text("utf-8")
    names = dict(re.findall(r"^### `(\w+)` (\S+)", guide, re.MULTILINE))
    rules = (REPOSITORY / "rules" / "default.toml").read_text("utf-8")
    condition = "[[rule]]\nid = 'own'\nkind = 'expression'\ncondition = 'spo2 < 90.0'\n"
    (tmp_path / "rules.toml").write_text(f"{rules}\n{condition}", "utf-8")
    said = called("rules", "list", "--rules", tmp_path / "rules.toml").out.decode()
    assert [f"{kind} {name}" for kind, name in names.items() if f"{kind} {name}" not in said] == []


def test_the_rules_of_a_file_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        '[[rule]]\nid = "x"\nkind = "missed_check"\ncheck = "visit"\nevery = "2h"\nenabled = false\n'
        "[rule.care_level.1]\nenabled = true\n"
    )
    found = called("rules", "list", "--rules", path, "--json").lines
    assert found[0] == {
        "rule": "x",
        "kind": "missed_check",
        "line": 1,
        "enabled": False,
        "severity": "medium",
        "overrides": ["care_level 1"],
    }
    assert {rule["rule"] for rule in found[1:]} >= {"sos", "fall"}, "what is about life holds all the same"
    assert "x" in called("rules", "list", "--rules", path).out.decode()
