"""`shouwang rules propose`: from a recording and from the database; for people, for files, for programs."""

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path

import psycopg
import pytest

from devices.observation import Observation
from ingest.store.partitions import ensure_months
from ingest.store.rows import COPY, HEAD, TAIL, pack
from ingest.store.schema import migrate
from rules import configuration
from rules.ruleset import RuleSet
from tests.commands.program import called
from tests.rules.home import DAY, HOUR, heard, local

MONDAY = local("2025-11-03 00:00")
DAYS = 21


def signs() -> list[int]:
    """When wang moves: every half an hour by day, but for a pause from ten on; and at midnight."""
    by_day = [*range(12, 21), *range(25, 46), 0]
    return sorted(MONDAY + day * DAY + half * HOUR // 2 for day in range(DAYS) for half in by_day)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    file = tmp_path / "home.toml"
    file.write_text(
        '[[place]]\nid = "flat"\nkind = "room"\n'
        '[[resident]]\nid = "wang"\nplace = "flat"\n[[resident]]\nid = "li"\nplace = "flat"\n'
        '[[device]]\nid = "pir"\nresident = "wang"\nsite = "home-1"\n'
    )
    return file


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    file = tmp_path / "lines.jsonl"
    lines = (
        {"at": at, "topic": "shouwang/v1/home-1/pir/telemetry", "payload": {"ts": at, "motion": True}}
        for at in signs()
    )
    file.write_bytes(b"\n".join(json.dumps(line).encode() for line in lines))
    return file


def overrides(snippet: str) -> dict[str, dict[str, object]]:
    """What the snippet says, below the rule that it names."""
    file = '[[rule]]\nid = "inactivity"\nkind = "inactivity"\n' + snippet
    assert isinstance(configuration.load(file), RuleSet)
    found: dict[str, dict[str, object]] = tomllib.loads(file)["rule"][0]["resident"]
    return found


def test_a_recording_gives_toml_for_the_rule_file_and_words_for_people(home: Path, recording: Path) -> None:
    answer = called("rules", "propose", "--recording", recording, "--registry", home)
    assert answer.code == 0, answer.err
    text = answer.out.decode()
    assert text.startswith('# below the rule with id = "inactivity"\n# 21 days to learn from')
    assert overrides(text)["wang"]["within"] == "210min"
    for word in ("wang", "inactivity: changes", "would have raised: 2 h 21 times", "█", "10 "):
        assert word in answer.err


def test_of_whom_nothing_is_to_be_learnt_no_empty_hours_are_shown(home: Path, recording: Path) -> None:
    recording.write_bytes(recording.read_bytes().splitlines()[0])
    answer = called("rules", "propose", "wang", "--recording", recording, "--registry", home)
    assert (answer.code, answer.out) == (0, b"")
    assert "nothing is proposed" in answer.err
    assert "hour 时" not in answer.err


def test_as_json_there_is_one_line_a_resident(home: Path, recording: Path) -> None:
    answer = called("rules", "propose", "wang", "--recording", recording, "--registry", home, "--json")
    (line,) = answer.lines
    assert line["resident"] == "wang"
    (quiet,) = (each for each in line["proposals"] if each["rule"] == "inactivity")
    assert (quiet["within_min"], quiet["proposed_min"], quiet["days"]) == (240, 210, DAYS)
    assert quiet["would_have_raised"]["120"] == DAYS
    assert line["hours"][10]["silent_min"]["median"] == 150
    assert overrides(line["toml"])["wang"]["within"] == "210min"


def test_with_too_little_there_is_nothing_to_copy(home: Path, recording: Path) -> None:
    lines = recording.read_bytes().splitlines()
    recording.write_bytes(b"\n".join(lines[: len(lines) // 2]))
    answer = called("rules", "propose", "--recording", recording, "--registry", home)
    assert (answer.code, answer.out) == (0, b"")
    assert "14 are needed: nothing is proposed" in answer.err


def test_of_whom_nothing_was_heard_that_is_said(home: Path, recording: Path) -> None:
    answer = called("rules", "propose", "li", "--recording", recording, "--registry", home)
    assert (answer.code, answer.out) == (0, b"")
    assert "li: nothing was heard" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--recording or --from"),
        (("--from", "2025-11-01"), "--dsn, or the service's --config"),
        (("nobody", "--from", "2025-11-01"), "not in the registry: nobody"),
    ],
)
def test_wrong_usage_is_told(words: tuple[str, ...], said: str, home: Path) -> None:
    answer = called("rules", "propose", *words, "--registry", home)
    assert (answer.code, answer.out) == (2, b"")
    assert said in answer.err


def store(database: psycopg.Connection, told: Iterable[Observation]) -> None:
    """Store these as the service does."""
    kept = list(told)
    kind = database.execute("SELECT relkind FROM pg_class WHERE relname = 'observation'").fetchone()
    if kind in {("p",), (b"p",)}:
        ensure_months(database, kept, set())
    with database.cursor().copy(COPY) as copy:
        copy.write(HEAD)
        copy.write(pack(1, kept))
        copy.write(TAIL)


@pytest.mark.integration
def test_the_history_in_the_database_teaches_the_same(dsn: str, home: Path, recording: Path) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        migrate(connection)
        store(connection, (heard("pir", "motion", at, resident="wang", place="flat") for at in signs()))
    words = ("rules", "propose", "--registry", home, "--json")
    stored = called(*words, "--from", "2025-11-01", "--to", "2025-12-01", "--dsn", dsn)
    assert stored.code == 0, stored.err
    assert stored.lines == called(*words, "--recording", recording).lines


@pytest.mark.integration
def test_asking_for_one_also_reads_what_is_nobodys_alone(dsn: str, home: Path) -> None:
    whose = ("wang", "", "li")
    with psycopg.connect(dsn, autocommit=True) as connection:
        migrate(connection)
        store(
            connection,
            (
                heard("pir", "motion", at, resident=whose[number % len(whose)], place="flat")
                for number, at in enumerate(signs())
            ),
        )
    words = ("--from", "2025-11-01", "--to", "2025-12-01", "--dsn", dsn, "--registry", home, "--json")
    li, wang = called("rules", "propose", *words).lines
    assert (li["resident"], wang["resident"]) == ("li", "wang")
    assert called("rules", "propose", "wang", *words).lines == [wang]
