"""`replay --from`: the history in the database once more through the rules, alone and side by side."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from devices.observation import Observation
from ingest.embedded.postgres import EmbeddedPostgres
from ingest.store.partitions import ensure_months
from ingest.store.rows import COPY, HEAD, TAIL, pack
from ingest.store.schema import is_hypertable, migrate
from tests.commands.program import called

pytestmark = pytest.mark.integration

ZONE = ZoneInfo("Asia/Shanghai")
HOME = '[[place]]\nid = "h"\nkind = "room"\n[[resident]]\nid = "ann"\nplace = "h"\n'
CHECK = (
    '[[rule]]\nid = "check-in"\nkind = "missed_check"\ncheck = "check_in"\nfrom = "05:00"\nby = "{by}"\n'
    'grace = "15min"\n'
)


def at(local: str) -> int:
    """A local time of 2026-11 as ms UTC: "02T08:30"."""
    return round(datetime.fromisoformat(f"2026-11-{local}").replace(tzinfo=ZONE).timestamp() * 1000)


def happened(local: str, metric: str, key: str = "") -> Observation:
    when = at(local)
    return Observation("b", metric, value=True, at=when, received_at=when, site="h", resident="ann", key=key)


def store(dsn: str, observations: Iterable[Observation]) -> None:
    told = list(observations)
    with psycopg.connect(dsn, autocommit=True) as database:
        migrate(database)
        if not is_hypertable(database):
            ensure_months(database, told, set())
        with database.cursor().copy(COPY) as copy:
            copy.write(HEAD)
            for seq, one in enumerate(told, start=1):
                copy.write(pack(seq, [one]))
            copy.write(TAIL)


@pytest.fixture
def week(dsn: str) -> str:
    """A week in which Ann called twice and did not check in on the third day."""
    checks = [happened(f"0{day}T08:30", "check_in", f"c{day}") for day in (1, 2, 4, 5)]
    store(dsn, [*checks, happened("02T12:00", "sos", "p1"), happened("04T12:00", "sos", "p2")])
    return dsn


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home.toml").write_text(HOME)
    (tmp_path / "nine.toml").write_text(CHECK.format(by="09:00"))
    (tmp_path / "eight.toml").write_text(CHECK.format(by="08:00"))
    return tmp_path


def replayed(dsn: str, home: Path, *words: str) -> list[tuple[str, str, int]]:
    answer = called(
        "replay", "--dsn", dsn, "--registry", home / "home.toml", "--rules", home / "nine.toml", *words
    )
    assert answer.code == 0, answer.err
    return [(line["event"], line["rule"], line["at"]) for line in answer.lines]


def test_a_period_is_local_and_ends_before_its_last_day(week: str, home: Path) -> None:
    found = replayed(week, home, "--from", "2026-11-01", "--to", "2026-11-04")
    assert found == [("opened", "sos", at("02T12:00")), ("opened", "check-in", at("03T09:15"))]


def test_time_passes_until_the_end_of_a_period_that_has_one(week: str, home: Path) -> None:
    until_nine = replayed(week, home, "--from", "2026-11-03", "--to", "2026-11-03T09:00")
    assert until_nine == []
    assert replayed(week, home, "--from", "2026-11-03", "--to", "2026-11-03T09:16") == [
        ("opened", "check-in", at("03T09:15"))
    ]


def test_what_was_open_before_gathers_what_follows(week: str, home: Path) -> None:
    words = ("--from", "2026-11-04T11:00", "--to", "2026-11-05")
    assert replayed(week, home, *words, "--warm-up", "3d")[-1] == ("evidence", "sos", at("04T12:00"))
    assert replayed(week, home, *words, "--warm-up", "1h") == [("opened", "sos", at("04T12:00"))]


def test_two_rule_files_over_the_history(week: str, home: Path) -> None:
    words = ("replay", "--dsn", week, "--registry", home / "home.toml", "--rules", home / "nine.toml")
    answer = called(
        *words, "--from", "2026-11-01", "--to", "2026-11-06", "--compare", home / "eight.toml", "--json"
    )
    assert answer.code == 0, answer.err
    (check,) = [line for line in answer.lines if line["rule"] == "check-in" and "change" not in line]
    assert (check["before"], check["came"], check["moved"]) == (1, 3, 1)  # the first day began too late
    (moved,) = [line for line in answer.lines if line.get("change") == "moved"]
    assert moved["moved_ms"] == -3_600_000
    assert "6 observations" in answer.err


def test_the_configuration_names_all_that_is_needed(week: str, home: Path) -> None:
    (home / "shouwang.toml").write_text(
        f'registry = ["home.toml"]\nrules = "nine.toml"\n[database]\ndsn = {json.dumps(week)}\n'
    )
    answer = called(
        "replay", "--config", home / "shouwang.toml", "--from", "2026-11-02", "--to", "2026-11-03"
    )
    assert [line["rule"] for line in answer.lines] == ["sos"]


def test_a_database_that_is_not_up_to_date_is_said(dsn: str, home: Path) -> None:
    answer = called("replay", "--dsn", dsn, "--registry", home / "home.toml", "--from", "2026-11-01")
    assert answer.code == 1
    assert "shouwang migrate" in answer.err


def test_the_embedded_database_is_found_whether_it_runs_or_not(tmp_path: Path, home: Path) -> None:
    (home / "shouwang.toml").write_text('data = "data"\nregistry = ["home.toml"]\nrules = "nine.toml"\n')
    words = ("replay", "--config", home / "shouwang.toml", "--from", "2026-11-02", "--to", "2026-11-03")
    with EmbeddedPostgres(tmp_path / "data") as server:
        store(server.dsn, [happened("02T12:00", "sos", "p1")])
        assert [line["rule"] for line in called(*words).lines] == ["sos"]
    assert [line["rule"] for line in called(*words).lines] == ["sos"]
