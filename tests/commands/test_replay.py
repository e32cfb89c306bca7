"""`replay`: a recording gives the alerts it would have given live; the same file, the same bytes, always."""

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.falls.tables import COLUMNS
from simulators import scenario
from tests.cases import SHARED
from tests.commands.program import called, shouwang
from tests.falls.bodies import fall

FIELDS = {"event", "alert", "rule", "kind", "subject", "severity", "at"}
AT = 1_790_000_000_000
PRESS = {"topic": "zigbee2mqtt/button-1", "payload": {"action": "emergency"}}
HOUSES = SHARED / "replay" / "kasteren.events.csv.gz"


def recorded(folder: Path, *lines: object) -> Path:
    path = folder / "recording.jsonl"
    path.write_bytes(
        b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    )
    return path


class Simulated:
    """A scenario's recording, its registry and its truth, as `simulate` writes them."""

    def __init__(self, name: str, folder: Path) -> None:
        self.lines, self.registry = folder / "lines.jsonl", folder / "home.toml"
        truth = folder / "truth.jsonl"
        answer = called(
            "simulate", name, "--lines", self.lines, "--registry", self.registry, "--truth", truth
        )
        assert answer.code == 0, answer.err
        self.truth: list[dict[str, Any]] = [json.loads(line) for line in truth.read_bytes().splitlines()[1:]]

    def replayed(self) -> list[dict[str, Any]]:
        answer = called("replay", self.lines, "--registry", self.registry)
        assert answer.code == 0, answer.err
        return answer.lines


def test_a_call_for_help_of_somebody_unknown(tmp_path: Path) -> None:
    answer = shouwang("replay", recorded(tmp_path, {"at": AT, **PRESS}))
    assert answer.code == 0
    (line,) = answer.lines
    assert line.keys() == FIELDS
    assert (line["event"], line["rule"], line["subject"]) == ("opened", "sos", "device:home-1/button-1")
    assert (line["severity"], line["at"]) == ("high", AT)


def test_a_recording_may_come_through_a_pipe() -> None:
    line = json.dumps({"at": AT, **PRESS}).encode()
    assert [each["rule"] for each in called("replay", "-", stdin=line).lines] == ["sos"]


def test_who_names_no_registry_is_told_that_nobody_is_watched(tmp_path: Path) -> None:
    said = "note: no residents are known"
    assert said in called("replay", recorded(tmp_path, {"at": AT, **PRESS})).err
    (tmp_path / "home.toml").write_text(
        '[[place]]\nid = "h"\nkind = "site"\n[[resident]]\nid = "r-1"\nplace = "h"\n'
    )
    words = ("--registry", tmp_path / "home.toml")
    assert said not in called("replay", recorded(tmp_path, {"at": AT, **PRESS}), *words).err


def test_the_registry_says_who_called(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text("id,kind\nh,site\n")
    (tmp_path / "residents.csv").write_text("id,place\nr-1,h\n")
    (tmp_path / "devices.csv").write_text("id,kind,resident,site\nbutton-1,button,r-1,home-1\n")
    words = [
        word
        for name in ("places", "residents", "devices")
        for word in ("--registry", tmp_path / f"{name}.csv")
    ]
    answer = called("replay", recorded(tmp_path, {"at": AT, **PRESS}), *words)
    assert [line["subject"] for line in answer.lines] == ["r-1"]


def test_a_rule_file_decides_and_cannot_leave_out_a_call_for_help(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("")
    path = recorded(tmp_path, {"at": AT, **PRESS})
    answer = called("replay", path, "--rules", tmp_path / "rules.toml")
    assert [line["rule"] for line in answer.lines] == ["sos"]


def test_times_are_ms_from_the_first_one_on(tmp_path: Path) -> None:
    path = recorded(tmp_path, *({"at": at, **PRESS} for at in (0, 1, 1_000_000)))
    assert [line["at"] for line in called("replay", path).lines] == [0, 1, 1_000_000]


def test_every_press_is_told_but_a_repeated_message_once(tmp_path: Path) -> None:
    said = {"topic": "shouwang/v1/h/b/event", "payload": {"ts": AT, "id": "a", "event": "sos"}}
    other = {"topic": "shouwang/v1/h/b/event", "payload": {"ts": AT + 9, "id": "b", "event": "sos"}}
    path = recorded(tmp_path, *({"at": AT + 10, **each} for each in (said, said, other)))
    answer = called("replay", path)
    assert [line["event"] for line in answer.lines] == ["opened", "evidence"]
    assert "1 repeat" in answer.err


@pytest.mark.parametrize("name", list(scenario.known()))
def test_a_scenario_gives_the_alerts_of_its_truth(name: str, tmp_path: Path) -> None:
    simulated = Simulated(name, tmp_path)
    events = simulated.replayed()
    assert all(event.keys() == FIELDS for event in events)
    for wanted in simulated.truth:
        people = {wanted["subject"]} if "subject" in wanted else set(wanted["subjects"])
        told = {
            event["subject"]
            for event in events
            if (event["rule"], event["severity"]) == (wanted["rule"], wanted["severity"])
            and event["event"] in {"opened", "evidence", "reopened"}
            and 0 <= event["at"] - wanted["at"] <= wanted["within_ms"]
        }
        assert people <= told, wanted
    expected = {
        (wanted["rule"], subject)
        for wanted in simulated.truth
        for subject in wanted.get("subjects", [wanted.get("subject")])
    }
    assert {(event["rule"], event["subject"]) for event in events} == expected


def test_twice_the_same_bytes(tmp_path: Path) -> None:
    simulated = Simulated("demo", tmp_path)
    words = ("replay", simulated.lines, "--registry", simulated.registry)
    once, again = shouwang(*words), shouwang(*words)
    assert once.out == again.out != b""


def test_what_falls_due_after_the_last_message_is_not_told(tmp_path: Path) -> None:
    simulated = Simulated("demo", tmp_path)
    missed = next(wanted["at"] for wanted in simulated.truth if wanted["rule"] == "daily-check-in")
    lines = simulated.lines.read_bytes().splitlines(keepends=True)
    before = [line for line in lines if json.loads(line)["at"] < missed]
    assert len(before) < len(lines)
    simulated.lines.write_bytes(b"".join(before))
    assert {event["rule"] for event in simulated.replayed()} == {"sos", "fall", "long-lie"}


@pytest.mark.skipif(not HOUSES.exists(), reason="the recorded houses are not here")
def test_a_recorded_house_is_replayed_without_error(tmp_path: Path) -> None:
    lines, home = tmp_path / "lines.jsonl", tmp_path / "home.toml"
    made = called("simulate", "kasteren", "--recording", HOUSES, "--lines", lines, "--registry", home)
    assert made.code == 0, made.err
    answer = called("replay", lines, "--registry", home)
    assert answer.code == 0
    count = len(lines.read_bytes().splitlines())
    assert count > 1000
    assert f"{count} messages, 0 rejected" in answer.err


def windows(**more: object) -> list[dict[str, object]]:
    """A second of a watch's signal each, in which somebody falls."""
    signal = fall(8, 14).round(3).tolist()
    return [
        {
            "at": AT + second * 1000 + 1000,
            "topic": "shouwang/v1/h/w/motion",
            "payload": {
                "ts": AT + second * 1000,
                "fs": 50,
                "position": "wrist",
                "xyz": signal[second * 50 : second * 50 + 50],
            }
            | more,
        }
        for second in range(14)
    ]


def test_it_tells_of_acceleration_and_of_falls_that_were_felt(tmp_path: Path) -> None:
    answer = called("replay", recorded(tmp_path, *windows()))
    assert [line["rule"] for line in answer.lines] == ["fall"]
    assert "14 messages, 0 rejected, 0 repeats; 14 windows of acceleration 加速度, 1 fall felt" in answer.err
    assert "acceleration" not in called("replay", recorded(tmp_path, {"at": AT, **PRESS})).err


def test_it_tells_why_messages_were_rejected(tmp_path: Path) -> None:
    broken = {"at": AT + 99_000, "topic": "zigbee2mqtt/x", "text": "{"}
    answer = called("replay", recorded(tmp_path, *windows(fs=1), broken, {"at": AT + 99_001, **PRESS}))
    assert "16 messages, 15 rejected, 0 repeats\n" in answer.err
    assert "rejected 未采用 14x out_of_range: fs must be the sampling rate, 5 to 1000 Hz" in answer.err
    assert "rejected 未采用 1x not_json" in answer.err


def test_a_window_beside_a_reject_is_not_rejected(tmp_path: Path) -> None:
    answer = called("replay", recorded(tmp_path, *windows(ts="never")))
    assert "0 rejected" in answer.err
    assert "14 windows" in answer.err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("falls.parquet", b"PAR1\x15\x04"),
        ("falls", b"PAR1\x15\x04"),
        ("falls.csv", b"a,b\n1,2\n"),
        ("falls", ",".join(COLUMNS).encode() + b"\n"),
    ],
)
def test_a_file_of_recorded_falls_is_for_another_command(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    answer = called("replay", tmp_path / name)
    assert answer.code == 2
    assert f"for recordings of falls: shouwang falls evaluate {tmp_path / name}" in answer.err
    assert "falls evaluate" not in called("replay", recorded(tmp_path, b"{")).err


CHECK = """
[[rule]]
id = "{id}"
kind = "missed_check"
check = "check_in"
from = "05:00"
by = "{by}"
grace = "15min"
severity = "{severity}"
"""


@pytest.fixture
def two_rule_files(tmp_path: Path) -> tuple[Path, Path]:
    """A check-in by half past nine and one early; the first two minutes earlier and high, the other gone."""
    early = CHECK.format(id="early", by="09:25", severity="low")
    files = tmp_path / "first.toml", tmp_path / "second.toml"
    files[0].write_text(CHECK.format(id="check-in", by="09:30", severity="medium") + early)
    files[1].write_text(CHECK.format(id="check-in", by="09:28", severity="high"))
    return files


def test_two_rule_files_are_compared_in_one_pass(two_rule_files: tuple[Path, Path], tmp_path: Path) -> None:
    simulated = Simulated("demo", tmp_path)
    first, second = two_rule_files
    words = ("replay", simulated.lines, "--registry", simulated.registry)
    words = (*words, "--rules", first, "--compare", second)
    compared = called(*words, "--json").lines
    counted = {line["rule"]: line for line in compared if "change" not in line}
    assert counted["sos"]["same"] == counted["sos"]["before"] == counted["sos"]["after"] > 0
    late, early = counted["check-in"], counted["early"]
    assert late["before"] == late["after"] == late["moved"] > 0
    assert early["before"] == early["gone"] > 0 == early["after"]
    assert early["before_per_resident_week"] > 0 == early["after_per_resident_week"]
    differences = [line for line in compared if "change" in line]
    assert {line["rule"] for line in differences} == {"check-in", "early"}
    assert len(differences) == late["moved"] + early["gone"]
    for line in differences:
        if line["change"] == "moved":
            assert line["moved_ms"] == line["after"]["at"] - line["before"]["at"] == -2 * 60_000
            assert (line["before"]["severity"], line["after"]["severity"]) == ("medium", "high")
    shown = called(*words).out.decode()
    assert "moved 移动 -2min  check-in" in shown
    assert "medium -> high" in shown
    assert "before/week 原 每人周" in shown


def test_the_same_rules_compared_differ_in_nothing(two_rule_files: tuple[Path, Path], tmp_path: Path) -> None:
    path, (two, _) = recorded(tmp_path, {"at": AT, **PRESS}), two_rule_files
    answer = called("replay", path, "--rules", two, "--compare", two)
    assert answer.code == 0
    assert "0 differ, 1 are the same" in answer.out.decode()


def test_errors_of_both_rule_files_are_told_together(tmp_path: Path) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text("colour = 1\n")
    other.write_text('\n[[rule]]\nid = "x"\nkind = "nonsense"\n')
    answer = called("replay", recorded(tmp_path, {"at": AT, **PRESS}), "--rules", one, "--compare", other)
    assert answer.code == 2
    assert f"{one}:1: " in answer.err
    assert f"{other}:4: " in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Missing"),
        (("f.jsonl", "--from", "2026-11-01"), "one of them"),
        (("--from", "yesterday", "--dsn", "postgresql://h/d"), "--from 'yesterday' is no time"),
        (("--from", "2026-11-02", "--to", "2026-11-01", "--dsn", "postgresql://h/d"), "is not after"),
        (("--from", "2026-11-01", "--warm-up", "2 fortnights"), "no duration"),
        (("--from", "2026-11-01", "--dsn", "nonsense"), "write postgresql://"),
        (("--from", "2026-11-01"), "--dsn, or the service's --config"),
        (("--from", "2026-11-01", "--dsn", "postgresql://127.0.0.1:1/d"), "the database said"),
    ],
)
def test_what_does_not_go_together_is_said(words: tuple[str, ...], said: str) -> None:
    answer = called("replay", *words)
    assert answer.code == (1 if said == "the database said" else 2)
    assert said in answer.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"garbage", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"{", "not JSON"),
        ([], "topic"),
        ({"at": AT, "topic": "t"}, "payload"),
        ({"at": AT, "topic": "t", "payload_b64": "?"}, "payload_b64"),
        ({**PRESS, "at": "soon"}, "arrival time"),
        ({**PRESS, "payload": {"at": AT}}, '"at" in ms'),
    ],
)
def test_a_line_that_is_none_is_named(line: object, said: str, tmp_path: Path) -> None:
    path = recorded(tmp_path, {"at": AT, **PRESS}, b"", line)
    answer = called("replay", path)
    assert answer.code == 2
    assert f"{path}:3: " in answer.err
    assert said in answer.err


def test_a_rejected_payload_is_no_error(tmp_path: Path) -> None:
    path = recorded(tmp_path, {"at": AT, "topic": "nobody/knows", "payload": {}}, {"at": AT, **PRESS})
    answer = called("replay", path)
    assert answer.code == 0
    assert "2 messages, 1 rejected" in answer.err


def test_all_errors_of_a_rule_file_are_told_with_their_lines(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rule]]\nid = "a"\nkind = "nonsense"\n\n'
        '[[rule]]\nid = "b"\nkind = "missed_check"\ncheck = "visit"\nevery = "2 fortnights"\n\n'
        '[[rule]]\nid = "b"\nkind = "sos"\ncolour = "red"\n'
    )
    answer = called("replay", recorded(tmp_path, {"at": AT, **PRESS}), "--rules", rules)
    assert answer.code == 2
    assert answer.out == b""
    for line in (3, 9, 12, 14):
        assert f"{rules}:{line}: " in answer.err
    assert "4 problems" in answer.err
