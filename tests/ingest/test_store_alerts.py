"""The database's copy of alerts follows the journal's: each event once, whatever people wrote in it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.acts import Refused, acknowledge, resolve
from alerts.book import Book
from alerts.decide import decide
from alerts.event import Event
from alerts.records import dump_episode, dump_event
from ingest.alert_log import SCHEMA
from ingest.journal import SqliteJournal
from ingest.store.alerts import AlertProjection, as_json
from ingest.store.schema import migrate
from rules.decision import Change, Decision, Evidence, Severity

pytestmark = pytest.mark.integration

NOW = 1_790_000_000_123


def decision(
    key: str, subject: str = "ann", detail: str = "", severity: Severity = Severity.HIGH
) -> Decision:
    evidence = Evidence(key, "sos", "d1", NOW, NOW, detail)
    return Decision(Change.RAISE, "sos", "sos", subject, subject, severity, NOW, evidence)


class Copied:
    """A journal's database with alerts in it, and the database that follows."""

    def __init__(self, folder: Path, database: psycopg.Connection) -> None:
        self.book = Book()
        self.database = database
        self.journal = SqliteJournal(folder / "journal.db", lambda _: None, SCHEMA)
        self.projection = AlertProjection(folder / "journal.db", self.journal.id)

    async def happened(self, events: list[Event] | Refused) -> str:
        assert not isinstance(events, Refused)
        episode = ""
        for event in events:
            state = self.book.apply(event)
            episode = state.id
            row = (state.id, state.state, state.raised_at, state.resolved_at, dump_episode(state))
            record = (event.episode, event.at, dump_event(event))
            await self.journal.transact(
                lambda database, row=row, record=record: [  # type: ignore[misc]
                    database.execute("INSERT INTO alert_event (alert, at, body) VALUES (?, ?, ?)", record),
                    database.execute("INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?)", row),
                ]
            )
        return episode

    async def raised(self, *args: str) -> str:
        return await self.happened(decide(self.book, decision(*args), NOW, "home-1"))

    def project(self) -> None:
        with self.database.transaction():
            self.projection(self.database)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self.database.execute(query.encode()).fetchall()


@pytest.fixture
async def copied(tmp_path: Path, dsn: str) -> "Iterator[Copied]":  # type: ignore[misc]
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as database:
        migrate(database)
        made = Copied(tmp_path, database)
        yield made
        made.projection.close()
        made.journal.close()


async def test_an_alert_and_what_happened_to_it(copied: Copied) -> None:
    copied.project()
    assert copied.rows("SELECT 1 FROM alert") == []
    alert = await copied.raised("k1")
    copied.project()
    at = datetime.fromtimestamp(NOW // 1000, UTC).replace(microsecond=123_000)
    columns = (
        "id, rule, kind, cause, severity, state, subjects, opened_at, raised_at,"
        " acknowledged_by, resolved_by, outcome"
    )
    assert copied.rows(f"SELECT {columns} FROM alert") == [
        (alert, "sos", "sos", "ann", "high", "open", ["ann"], at, at, None, None, None)
    ]
    await copied.happened(acknowledge(copied.book, alert, "nurse-1", NOW + 1))
    await copied.happened(resolve(copied.book, alert, "nurse-2", "real", "", NOW + 2))
    copied.project()
    assert copied.rows("SELECT state, acknowledged_by, resolved_by, outcome, body->>'id' FROM alert") == [
        ("resolved", "nurse-1", "nurse-2", "real", alert)
    ]
    assert copied.rows("SELECT seq, alert, event, body->>'event' FROM alert_event ORDER BY seq") == [
        (1, alert, "opened", "opened"),
        (2, alert, "acknowledged", "acknowledged"),
        (3, alert, "resolved", "resolved"),
    ]


async def test_it_may_be_run_at_any_time(copied: Copied) -> None:
    await copied.raised("k1")
    for _ in range(3):
        copied.project()
    await copied.raised("k2", "bob")
    copied.project()
    assert copied.rows("SELECT count(*) FROM alert_event") == [(2,)]
    await copied.raised("k3", "cho")
    with copied.database.transaction(force_rollback=True):
        copied.projection(copied.database)
    copied.project()
    assert copied.rows("SELECT count(*) FROM alert_event") == [(3,)]
    assert copied.rows("SELECT count(*) FROM alert") == [(3,)]


async def test_more_events_than_one_step(copied: Copied) -> None:
    body = dump_event(decide(Book(), decision("k"), NOW)[0])
    await copied.journal.transact(
        lambda database: (
            database.executemany(
                "INSERT INTO alert_event (alert, at, body) VALUES ('gone', ?, ?)", [(NOW, body)] * 2_500
            )
            and None
        )
    )
    copied.project()
    assert copied.rows("SELECT count(*), max(seq) FROM alert_event") == [(2_500, 2_500)]


async def test_two_journals_keep_apart(copied: Copied, tmp_path: Path) -> None:
    await copied.raised("k1")
    copied.project()
    other = Copied(tmp_path / "other", copied.database)
    await other.raised("k2", "bob")
    other.project()
    assert copied.rows("SELECT seq, count(*) FROM alert_event GROUP BY seq") == [(1, 2)]
    other.projection.close()
    other.journal.close()


@pytest.mark.parametrize(
    "text", ["\0", "\0\0", "a\\\0b", "\\u0000", "\\\\u0000\0", '"\0"', "\ufffe\U0001f600"]
)
async def test_any_text_can_be_stored(copied: Copied, text: str) -> None:
    """One device or person with a NUL in a note must not end the copying of all alerts."""
    alert = await copied.raised("k1", "ann", text)
    await copied.happened(acknowledge(copied.book, alert, f"nurse{text}", NOW + 1, note=text))
    copied.project()
    shown = text.replace("\0", "\ufffd")
    assert copied.rows("SELECT body->'evidence'->>'detail' FROM alert_event WHERE seq = 1") == [(shown,)]
    assert copied.rows("SELECT acknowledged_by FROM alert") == [(f"nurse{shown}",)]


@given(st.text(st.sampled_from("\0\\u0\"'n")))
def test_nul_and_only_nul_is_replaced(text: str) -> None:
    assert orjson.loads(as_json(orjson.dumps({"note": text}))) == {"note": text.replace("\0", "\ufffd")}


async def test_severity_may_rise(copied: Copied) -> None:
    low = replace(decision("k1"), severity=Severity.MEDIUM)
    await copied.happened(decide(copied.book, low, NOW))
    copied.project()
    await copied.raised("k2")
    copied.project()
    assert copied.rows("SELECT severity FROM alert") == [("high",)]
