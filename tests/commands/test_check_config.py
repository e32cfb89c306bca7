"""`check-config`: the example as deployed is good; of a bad one everything is told at once, with lines."""

from pathlib import Path

import pytest

from tests.commands.program import called
from tests.deploy.folder import installed
from tests.mistakes import TEN_MISTAKES, WRONG_LINES


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """The example as somebody has it who has followed its README."""
    return installed(tmp_path)


def test_the_example_is_good(installation: Path) -> None:
    answer = called("check-config", installation / "shouwang.toml")
    assert answer.code == 0
    assert "good" in answer.err


def test_three_errors_at_once_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "shouwang.toml"
    file.write_text('site = "a home"\ncolour = "red"\n\n[broker]\nurl = "http://b"\n\n[api]\nport = 99999\n')
    answer = called("check-config", file)
    assert answer.code == 2
    for line, word in ((1, "site"), (2, "colour"), (5, "broker.url"), (8, "api.port")):
        assert any(f"{file}:{line}: {word}" in said for said in answer.err.splitlines()), answer.err
    assert "4 problems" in answer.err
    assert called("run", "--config", file).err == answer.err


def test_errors_of_rules_registry_and_secrets_are_told_together(installation: Path) -> None:
    (installation / "secrets" / "db_dsn").unlink()
    with (installation / "example" / "rules.toml").open("a") as rules:
        rules.write('\n[[rule]]\nid = "x"\nkind = "nonsense"\n')
    with (installation / "example" / "devices.csv").open("a") as devices:
        devices.write("lost-1,button,,r-99,,home-1,,yes,25h\n")
    answer = called("check-config", installation / "shouwang.toml")
    assert answer.code == 2
    for word in ("db_dsn", "rules.toml:", "kind: give one of", "devices.csv:"):
        assert word in answer.err
    assert "3 problems" in answer.err


def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "shouwang.toml"
    file.write_text('site = "h"\nsite = \n')
    answer = called("check-config", file)
    assert answer.code == 2
    assert f"{file}:2: " in answer.err


def test_doubtful_devices_are_noted(tmp_path: Path) -> None:
    (tmp_path / "devices.csv").write_text(
        "id,model,supervision\n"
        "pad,QX-4711,25h\n"
        "door,MCCGQ11LM,90s\n"  # speaks once an hour by itself
        "fine,MCCGQ11LM,25h\n"
    )
    (tmp_path / "shouwang.toml").write_text('registry = ["devices.csv"]\n')
    answer = called("check-config", tmp_path / "shouwang.toml")
    assert answer.code == 0
    unknown, hasty = (
        line for line in answer.err.splitlines() if "models not" in line or "supervision" in line
    )
    assert "QX-4711" in unknown
    assert "MCCGQ11LM" not in unknown
    assert "door (90s)" in hasty
    assert "fine" not in hasty


def test_r32_test_calls_that_would_not_be_read_are_noted(tmp_path: Path) -> None:
    file = tmp_path / "shouwang.toml"
    file.write_text('[broker]\nlife_safety_topics = ["zigbee2mqtt/#"]\ntopics = ["home/#"]\n')
    answer = called("check-config", file)
    assert answer.code == 0
    assert "reads no shouwang/v1/home-1/shouwang-synthetic/event" in " ".join(answer.err.split())
    file.write_text(file.read_text() + '[synthetic]\nevery = "0s"\n')
    assert "shouwang-synthetic" not in called("check-config", file).err


def test_ten_mistakes_in_a_rule_file_are_told_with_their_lines(installation: Path) -> None:
    rules = installation / "example" / "rules.toml"
    rules.write_text(TEN_MISTAKES)
    answer = called("check-config", installation / "shouwang.toml")
    assert answer.code == 2
    for line in WRONG_LINES:
        assert f"rules.toml:{line}: " in answer.err
    assert "10 problems" in answer.err


def test_r79_risks_that_nobody_assessed_are_noted(tmp_path: Path) -> None:
    risks = ("choking", "intake", "pressure_ulcer", "scald", "bed_fall", "fall", "going_missing", "harm")
    columns = [f"risk_{risk}" for risk in (*risks, "activity")]
    (tmp_path / "places.csv").write_text("id,kind\nh,room\n")
    rows = [["id", "place", *columns], ["r-1", "h", *["low"] * 9], ["r-2", "h", *["low"] * 8], ["r-3", "h"]]
    (tmp_path / "residents.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    (tmp_path / "shouwang.toml").write_text('registry = ["places.csv", "residents.csv"]\n')
    answer = called("check-config", tmp_path / "shouwang.toml")
    assert answer.code == 0
    assert "risks not assessed 风险未评估 (R-79): r-2 (1 of 9), r-3 (9 of 9)" in answer.err


def test_an_override_that_no_device_can_feed_is_noted(tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text(
        '[[place]]\nid = "h"\nkind = "room"\n[[resident]]\nid = "r-1"\nplace = "h"\n'
        '[[device]]\nid = "b"\nmodel = "TS0215A_sos"\nresident = "r-1"\ncalls = true\n'
    )
    (tmp_path / "rules.toml").write_text(
        '[[rule]]\nid = "hot"\nkind = "vitals"\nmetric = "body_temperature"\nabove = 39.0\n'
        "[rule.resident.r-1]\nabove = 38.5\n"
    )
    (tmp_path / "shouwang.toml").write_text('registry = ["registry.toml"]\nrules = "rules.toml"\n')
    answer = called("check-config", tmp_path / "shouwang.toml")
    assert answer.code == 0
    assert "rule 'hot', resident r-1: none of her devices tells what it needs" in answer.err


def test_hours_in_which_ladders_send_an_urgent_alert_to_nobody_are_noted(tmp_path: Path) -> None:
    (tmp_path / "home.toml").write_text(
        '[[place]]\nid = "b1"\nkind = "building"\n[[place]]\nid = "b2"\nkind = "building"\n'
        '[[resident]]\nid = "r1"\nplace = "b1"\n[[resident]]\nid = "r2"\nplace = "b2"\n'
    )
    night = (
        '[[ladder]]\nid = "night"\nseverity = ["high"]\nbetween = ["21:00", "07:00"]\n'
        '[[ladder.step]]\nchannels = ["push"]\n'
    )
    late = '[[ladder]]\nid = "b2"\nplaces = ["b2"]\n[[ladder.step]]\nafter = "10min"\nchannels = ["push"]\n'
    day = '[[ladder]]\nid = "day"\n[[ladder.step]]\nafter = "60s"\nchannels = ["push"]\n'
    file = tmp_path / "shouwang.toml"
    file.write_text(
        'registry = ["home.toml"]\nladders = "ladders.toml"\n'
        '[[channel]]\nname = "push"\nurl = "json://127.0.0.1"\n'
    )
    for ladders, hours in (
        (night, ["b1 from 07:00 to 21:00"]),
        (night + late, ["b1 from 07:00 to 21:00", "b2 from 00:00 to 24:00"]),
        (night + day, []),
        ('[[ladder]]\nid = "n"\n[[ladder.step]]\nafter = "30s"\n', []),
    ):
        (tmp_path / "ladders.toml").write_text(ladders)
        answer = called("check-config", file)
        assert answer.code == 0, answer.err
        said = " ".join(answer.err.split())
        assert said.count("is sent to nobody within 60 s") == len(hours), said
        for one in hours:
            assert f"an urgent alert at {one}" in said
