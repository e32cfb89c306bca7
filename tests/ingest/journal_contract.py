"""What every journal promises, whatever it is made of.

A test module of an implementation subclasses `JournalContract` and gives the fixture `opening`.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Protocol

import pytest

from devices.message import Message
from ingest.journal import Committed, Entry, Journal
from tests.deadline import DEADLINE_S

T0 = 1_790_000_000_000


class AJournal(Journal, Protocol):
    """A journal as its owner has it."""

    def close(self) -> None:
        """Commit what was taken, then close."""
        ...


Opening = Callable[[Committed], AJournal]
"""Opens the journal of this test, again and again the same one; the caller is told what is committed."""


class Told:
    """Notes what a journal says is durable, in the groups in which it said so."""

    def __init__(self) -> None:
        self.groups: list[list[Entry]] = []
        self._more = asyncio.Event()

    def __call__(self, entries: list[Entry]) -> None:
        self.groups.append(entries)
        self._more.set()

    @property
    def entries(self) -> list[Entry]:
        return [entry for group in self.groups for entry in group]

    @property
    def payloads(self) -> list[bytes]:
        return [entry.message.payload for entry in self.entries]

    async def until(self, count: int) -> list[Entry]:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.entries) < count:
                self._more.clear()
                await self._more.wait()
        return self.entries


def numbered(number: int, at: int | None = None) -> Message:
    """A message told from others by its number."""
    return Message(f"t/{number}", b"%d" % number, T0 + number if at is None else at)


async def settled(journal: AJournal) -> None:
    """Returns when all that was appended before is durable."""
    async with asyncio.timeout(DEADLINE_S):
        await journal.transact(lambda _: None)


async def trimmed(journal: AJournal, upto: int, before: int, left: list[int]) -> None:
    """Trims, and waits until only `left` is there."""
    async with asyncio.timeout(DEADLINE_S):
        while [entry.seq for entry in journal.read(0, 10_000)] != left:
            journal.trim(upto, before)
            await settled(journal)


class JournalContract:
    """The promises."""

    @pytest.fixture
    def opening(self) -> Opening:
        raise NotImplementedError("an implementation says how to open its journal")

    async def test_entries_are_numbered_from_one_in_order(self, opening: Opening) -> None:
        told = Told()
        journal = opening(told)
        messages = [numbered(n) for n in range(1500)]
        for message in messages:
            journal.append(message, urgent=False)
        entries = await told.until(1500)
        assert entries == [Entry(n, message) for n, message in enumerate(messages, 1)]
        assert journal.read(0, 2000) == entries
        await asyncio.to_thread(journal.close)

    async def test_urgent_ones_may_go_first_but_keep_their_order(self, opening: Opening) -> None:
        told = Told()
        journal = opening(told)
        for n in range(1500):
            journal.append(numbered(n), urgent=n % 7 == 0)
        entries = await told.until(1500)
        assert [entry.seq for entry in entries] == list(range(1, 1501))
        assert journal.read(0, 2000) == entries
        for urgent in (True, False):
            numbers = [n for n in map(int, told.payloads) if (n % 7 == 0) is urgent]
            assert numbers == sorted(numbers)
        await asyncio.to_thread(journal.close)

    async def test_what_came_with_a_message_comes_with_its_entry(self, opening: Opening) -> None:
        told = Told()
        journal = opening(told)
        for n in range(300):
            journal.append(numbered(n), urgent=n % 3 == 0, receipt=f"receipt {n}")
        entries = await told.until(300)
        assert [entry.receipt for entry in entries] == [
            f"receipt {int(payload)}" for payload in told.payloads
        ]
        assert {entry.receipt for entry in journal.read(0, 300)} == {None}
        await asyncio.to_thread(journal.close)

    async def test_a_message_comes_back_as_it_was(self, opening: Opening) -> None:
        told = Told()
        journal = opening(told)
        messages = [
            Message("温度/床 1", bytes(range(256)), T0, retained, qos, dup, size)
            for retained in (False, True)
            for dup in (False, True)
            for qos, size in ((0, -1), (1, 256), (2, 1 << 30))
        ]
        messages.append(Message("", b"", 0))
        for message in messages:
            journal.append(message, urgent=False)
        await told.until(len(messages))
        assert [entry.message for entry in journal.read(0, 100)] == messages
        await asyncio.to_thread(journal.close)

    async def test_reading_is_by_position_and_bounded(self, opening: Opening) -> None:
        journal = opening(Told())
        for n in range(10):
            journal.append(numbered(n), urgent=False)
        await settled(journal)
        assert [entry.seq for entry in journal.read(3, 4)] == [4, 5, 6, 7]
        assert [entry.seq for entry in journal.read(8, 4)] == [9, 10]
        assert journal.read(10, 4) == []
        await asyncio.to_thread(journal.close)

    async def test_what_is_told_can_be_read_already(self, opening: Opening) -> None:
        readable: list[bool] = []

        def committed(entries: list[Entry]) -> None:
            readable.append(journal.read(entries[0].seq - 1, len(entries)) == entries)

        journal = opening(committed)
        for n in range(50):
            journal.append(numbered(n), urgent=True)
        await settled(journal)
        assert readable
        assert all(readable)
        await asyncio.to_thread(journal.close)

    async def test_what_waits_is_committed_together(self, opening: Opening) -> None:
        told = Told()
        journal = opening(told)
        for n in range(2000):
            journal.append(numbered(n), urgent=False)
        await told.until(2000)
        assert len(told.groups) < 200, "the appends came at once: they share commits"
        await asyncio.to_thread(journal.close)

    async def test_an_opened_again_journal_goes_on(self, opening: Opening) -> None:
        journal = opening(Told())
        for n in range(3):
            journal.append(numbered(n), urgent=False)
        await settled(journal)
        first = journal.id
        await asyncio.to_thread(journal.close)

        told = Told()
        journal = opening(told)
        assert journal.id == first
        assert [entry.message for entry in journal.read(0, 10)] == [numbered(n) for n in range(3)]
        journal.append(numbered(3), urgent=False)
        assert await told.until(1) == [Entry(4, numbered(3))]
        await asyncio.to_thread(journal.close)

    async def test_a_number_is_never_used_again(self, opening: Opening) -> None:
        journal = opening(Told())
        for n in range(5):
            journal.append(numbered(n), urgent=False)
        await settled(journal)
        await trimmed(journal, 5, T0 * 2, [5])
        await asyncio.to_thread(journal.close)

        told = Told()
        journal = opening(told)
        journal.append(numbered(9), urgent=False)
        assert await told.until(1) == [Entry(6, numbered(9))]
        await asyncio.to_thread(journal.close)

    async def test_trimming_keeps_what_is_beyond_upto_and_what_is_young(self, opening: Opening) -> None:
        journal = opening(Told())
        for n in range(10):
            journal.append(numbered(n, at=T0 + n), urgent=False)
        await settled(journal)
        await trimmed(journal, 4, T0 + 100, [5, 6, 7, 8, 9, 10])
        await trimmed(journal, 9, T0 + 7, [8, 9, 10])
        await asyncio.to_thread(journal.close)

    async def test_trimming_goes_on_to_its_end_however_much_there_is(self, opening: Opening) -> None:
        journal = opening(Told())
        for n in range(3000):
            journal.append(numbered(n), urgent=False)
        await settled(journal)
        await trimmed(journal, 2990, T0 * 2, list(range(2991, 3001)))
        await asyncio.to_thread(journal.close)

    async def test_a_transaction_is_durable_when_it_returns(self, opening: Opening) -> None:
        journal = opening(Told())
        await journal.transact(lambda database: _note(database, "a"))
        await asyncio.to_thread(journal.close)
        journal = opening(Told())
        found: list[str] = []
        await journal.transact(lambda database: found.extend(_notes(database)))
        assert found == ["a"]
        await asyncio.to_thread(journal.close)

    async def test_a_transaction_that_fails_fails_alone(self, opening: Opening) -> None:
        told = Told()
        journal = opening(told)
        await journal.transact(lambda database: _note(database, "taken"))

        def spoilt(database: sqlite3.Connection) -> None:
            _note(database, "half")
            _note(database, "taken")

        journal.append(numbered(1), urgent=False)
        outcomes = await asyncio.gather(
            journal.transact(lambda database: _note(database, "before")),
            journal.transact(spoilt),
            journal.transact(lambda database: _note(database, "after")),
            return_exceptions=True,
        )
        journal.append(numbered(2), urgent=False)
        await told.until(2)
        assert [type(outcome) for outcome in outcomes] == [type(None), sqlite3.IntegrityError, type(None)]
        found: list[str] = []
        await journal.transact(lambda database: found.extend(_notes(database)))
        assert found == ["after", "before", "taken"]
        assert told.payloads == [b"1", b"2"]
        await asyncio.to_thread(journal.close)

    @pytest.mark.parametrize("wrong", ["SELECT * FROM no_such_table", "this is no SQL"])
    async def test_a_mistake_in_the_statements_holds_nobody_up(self, opening: Opening, wrong: str) -> None:
        told = Told()
        journal = opening(told)
        journal.append(numbered(1), urgent=False)
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(sqlite3.OperationalError):
                await journal.transact(lambda database: database.execute(wrong) and None)
        assert (await told.until(1))[0].message == numbered(1)
        await asyncio.to_thread(journal.close)

    async def test_whatever_a_transaction_raises_goes_to_who_asked(self, opening: Opening) -> None:
        journal = opening(Told())

        def fails(database: sqlite3.Connection) -> None:
            _note(database, "half")
            raise LookupError("its own")

        with pytest.raises(LookupError, match="its own"):
            await journal.transact(fails)
        found: list[str] = []
        await journal.transact(lambda database: found.extend(_notes(database)))
        assert found == []
        await asyncio.to_thread(journal.close)

    async def test_closing_commits_what_was_taken_and_takes_nothing_more(self, opening: Opening) -> None:
        told = Told()
        journal = opening(told)
        for n in range(1000):
            journal.append(numbered(n), urgent=False)
        await asyncio.to_thread(journal.close)
        journal.append(numbered(1000), urgent=True)
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(RuntimeError, match="closed"):
                await journal.transact(lambda _: None)
        assert len(await told.until(1000)) == 1000

        journal = opening(Told())
        assert [entry.seq for entry in journal.read(0, 2000)] == list(range(1, 1001))
        await asyncio.to_thread(journal.close)


def _note(database: sqlite3.Connection, word: str) -> None:
    database.execute("CREATE TABLE IF NOT EXISTS note (word TEXT PRIMARY KEY)")
    database.execute("INSERT INTO note VALUES (?)", (word,))


def _notes(database: sqlite3.Connection) -> list[str]:
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'note'").fetchall():
        return []
    return [word for (word,) in database.execute("SELECT word FROM note ORDER BY word")]
