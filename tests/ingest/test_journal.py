"""The SQLite journal keeps every journal's promises, and those of its own: full disks, kill -9, its file."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from devices.message import MAX_PAYLOAD_BYTES, Message
from ingest.journal import Committed, Entry, SqliteJournal, head_of
from tests.deadline import DEADLINE_S, eventually
from tests.ingest.journal_contract import T0, JournalContract, Opening, Told, numbered, settled


class TestSqliteJournal(JournalContract):
    """The contract, over a file."""

    @pytest.fixture
    def opening(self, tmp_path: Path) -> Opening:
        def opened(committed: Committed) -> SqliteJournal:
            return SqliteJournal(tmp_path / "data" / "journal.db", committed)

        return opened


async def test_what_is_told_is_in_the_file_for_others(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    counts: list[tuple[int, int]] = []

    def committed(entries: list[Entry]) -> None:
        with sqlite3.connect(path) as other:
            counts.append((entries[-1].seq, other.execute("SELECT count(*) FROM journal").fetchone()[0]))
        other.close()

    journal = SqliteJournal(path, committed)
    for n in range(20):
        journal.append(numbered(n), urgent=True)
        await settled(journal)
    assert counts
    assert all(there >= told for told, there in counts)
    await asyncio.to_thread(journal.close)


async def test_commits_survive_a_power_cut(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db", Told())
    modes = [
        journal._writer.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    ]
    assert modes == ["wal", 2]  # 2 is FULL: an fsync with every commit
    await asyncio.to_thread(journal.close)


async def test_two_journals_have_different_ids(tmp_path: Path) -> None:
    journals = [SqliteJournal(tmp_path / name, Told()) for name in ("a.db", "b.db")]
    assert journals[0].id != journals[1].id
    for journal in journals:
        await asyncio.to_thread(journal.close)


async def test_others_tables_live_in_the_same_file(tmp_path: Path) -> None:
    schema = "CREATE TABLE IF NOT EXISTS mine (a INTEGER);"
    for wanted in ([], [(1,)]):
        journal = SqliteJournal(tmp_path / "journal.db", Told(), schema)
        assert journal.query("SELECT a FROM mine WHERE a < ?", (5,)) == wanted
        await journal.transact(lambda database: database.execute("INSERT INTO mine VALUES (1)") and None)
        await asyncio.to_thread(journal.close)


@pytest.mark.faults
async def test_a_full_disk_delays_but_loses_and_tells_nothing(tmp_path: Path) -> None:
    told = Told()
    journal = SqliteJournal(tmp_path / "journal.db", told)
    journal.append(numbered(1), urgent=True)
    await told.until(1)
    pages = journal._writer.execute("PRAGMA page_count").fetchone()[0]
    journal._writer.execute(f"PRAGMA max_page_count = {pages}")
    journal.append(Message("big", bytes(100_000), T0), urgent=True)
    waiting = asyncio.create_task(journal.transact(lambda _: None))
    await eventually(lambda: not journal.healthy)
    assert len(told.entries) == 1
    assert not waiting.done()
    journal._writer.execute("PRAGMA max_page_count = 1000000")
    assert [entry.seq for entry in await told.until(2)] == [1, 2]
    await waiting
    assert journal.healthy
    await asyncio.to_thread(journal.close)


@pytest.mark.faults
async def test_closing_on_a_full_disk_ends_and_tells_the_waiting(tmp_path: Path) -> None:
    told = Told()
    journal = SqliteJournal(tmp_path / "journal.db", told)
    await settled(journal)
    pages = journal._writer.execute("PRAGMA page_count").fetchone()[0]
    journal._writer.execute(f"PRAGMA max_page_count = {pages}")
    journal.append(Message("big", bytes(100_000), T0), urgent=True)
    waiting = asyncio.create_task(journal.transact(lambda _: None))
    await eventually(lambda: not journal.healthy)
    await asyncio.to_thread(journal.close)
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(sqlite3.OperationalError, match="full"):
            await waiting
    assert told.entries == []


_CHILD = """
import asyncio, sys
from pathlib import Path
from devices.message import Message
from ingest.journal import SqliteJournal

async def main():
    loop, sent = asyncio.get_running_loop(), 0

    def committed(entries):
        for seq, message, _ in entries:
            sys.stdout.write(f"{seq} {message.payload.decode()}\\n")
        sys.stdout.flush()

    journal = SqliteJournal(Path(sys.argv[1]), committed)
    while True:
        for _ in range(20):
            sent += 1
            journal.append(Message("t", b"%d" % (sent * 7), sent), urgent=False)
        await journal.transact(lambda _: None)

asyncio.run(main())
"""


@pytest.mark.faults
@pytest.mark.parametrize("lines", [1, 700, 3333])
async def test_all_that_was_told_is_there_after_kill_9(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "journal.db"
    told = await asyncio.to_thread(_told_until_killed, path, lines)

    journal = SqliteJournal(path, Told())
    found = [f"{seq} {message.payload.decode()}\n" for seq, message, _ in journal.read(0, 1_000_000)]
    assert found[: len(told)] == told
    assert found == [f"{n} {n * 7}\n" for n in range(1, len(found) + 1)], "no hole, nothing torn"
    told_now = Told()
    await asyncio.to_thread(journal.close)
    journal = SqliteJournal(path, told_now)
    journal.append(numbered(0), urgent=False)
    assert (await told_now.until(1))[0].seq == len(found) + 1
    await asyncio.to_thread(journal.close)


def _told_until_killed(path: Path, lines: int) -> list[str]:
    """What a journal in another process told before it was killed, at some instant after so many lines."""
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    told += child.stdout.readlines()
    child.stdout.close()
    child.wait(timeout=20)
    if told and not told[-1].endswith("\n"):
        told.pop()  # cut by the kill
    return told


def test_of_an_oversized_payload_only_the_head_is_kept_with_its_size() -> None:
    payload = bytes(MAX_PAYLOAD_BYTES + 1)
    head = head_of("t", payload, T0, (True, False, 1))
    assert head == Message("t", payload[:-1], T0, retained=True, qos=1, dup=False, size=len(payload))
    assert head.oversized
    assert not head_of("t", payload[:-1], T0, (False, False, 0)).oversized
