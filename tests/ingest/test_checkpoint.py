"""A checkpoint is whole or not there; it remembers repeats, and nothing of another journal's messages."""

import asyncio
import itertools
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.checkpoint import Checkpoint, Progress, latest_clock
from ingest.facts import Fact

NOTHING = Progress(0, (), (), (), (), 0)


def reopened(path: Path, journal: str = "j") -> Checkpoint:
    return Checkpoint(path / "data" / "checkpoint.db", journal)


def test_a_new_one_knows_nothing(tmp_path: Path) -> None:
    checkpoint = reopened(tmp_path)
    assert (checkpoint.position, checkpoint.ahead, checkpoint.now) == (0, set(), 0)
    assert checkpoint.memories() == []
    assert checkpoint.seen([1, 2]) == {}
    assert checkpoint.duplicates(0, 100) == set()
    checkpoint.close()


def test_what_was_saved_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    checkpoint = reopened(tmp_path)
    memories = [("rule", "ann", b"old"), ("rule", "bob", b"b")]
    checkpoint.save(Progress(3, [5, 7], memories, [(-(2**63), 10), (2**63 - 1, 20)], [(5, -1)], 30))
    checkpoint.save(Progress(8, [], [("rule", "ann", b"new")], [(2**63 - 1, 40)], [(5, -1), (8, 2)], 50))
    checkpoint.close()

    checkpoint = reopened(tmp_path)
    assert (checkpoint.position, checkpoint.ahead, checkpoint.now) == (8, set(), 50)
    assert sorted(checkpoint.memories()) == [("rule", "ann", b"new"), ("rule", "bob", b"b")]
    assert checkpoint.seen([-(2**63), 2**63 - 1, 0]) == {-(2**63): 10, 2**63 - 1: 40}
    assert checkpoint.duplicates(0, 5) == {(5, -1)}
    assert checkpoint.duplicates(5, 8) == {(5, -1), (8, 2)}
    assert checkpoint.duplicates(6, 7) == set()
    checkpoint.close()


def test_entries_ahead_are_kept(tmp_path: Path) -> None:
    checkpoint = reopened(tmp_path)
    checkpoint.save(NOTHING._replace(position=3, ahead=[5, 7]))
    checkpoint.close()
    checkpoint = reopened(tmp_path)
    assert (checkpoint.position, checkpoint.ahead) == (3, {5, 7})
    checkpoint.close()


def test_of_a_save_that_fails_nothing_remains(tmp_path: Path) -> None:
    checkpoint = reopened(tmp_path)
    checkpoint.save(Progress(1, [], [("rule", "ann", b"1")], [(1, 1)], [(1, 1)], 1))
    with pytest.raises(sqlite3.Error):
        checkpoint.save(Progress(2, [], [("rule", "ann", b"2")], [(2, 2)], [(2, 2), (3, object())], 2))
    assert checkpoint.seen([1, 2]) == {1: 1}
    assert checkpoint.memories() == [("rule", "ann", b"1")]
    checkpoint.save(NOTHING._replace(position=3))
    checkpoint.close()
    checkpoint = reopened(tmp_path)
    assert checkpoint.position == 3
    checkpoint.close()


def test_facts_are_kept_while_an_entry_needs_them_and_are_of_one_journal(tmp_path: Path) -> None:
    first, second, back = Fact("t", "family", 1, "a"), Fact("t", "family", 5, "b"), Fact("t", "family", 9, "")
    checkpoint = reopened(tmp_path)
    checkpoint.save(NOTHING._replace(facts=[first, second, back]))
    kept = {0: [first, second, back], 5: [second, back], 8: [second, back], 9: []}
    for stored, facts in kept.items():
        checkpoint.forget(seen_before=0, stored=stored)
        assert sorted(checkpoint.facts()) == facts
    checkpoint.save(NOTHING._replace(facts=[first]))
    checkpoint.close()
    checkpoint = reopened(tmp_path, "another")
    assert checkpoint.facts() == []
    checkpoint.close()


def test_it_forgets_all_of_another_journal(tmp_path: Path) -> None:
    checkpoint = reopened(tmp_path)
    checkpoint.save(Progress(9, [11], [("rule", "ann", b"1")], [(1, 1)], [(1, 1)], 1))
    checkpoint.close()
    other = reopened(tmp_path, "other")
    assert (other.position, other.ahead, other.now) == (0, set(), 0)
    assert (other.memories(), other.seen([1]), other.duplicates(0, 9)) == ([], {}, set())
    other.close()
    back = reopened(tmp_path)
    assert back.position == 0
    back.close()


def test_more_identities_than_a_statement_takes(tmp_path: Path) -> None:
    checkpoint = reopened(tmp_path)
    checkpoint.save(NOTHING._replace(seen=[(n, n) for n in range(0, 5000, 2)]))
    assert checkpoint.seen(range(5000)) == {n: n for n in range(0, 5000, 2)}
    checkpoint.close()


def test_forgetting_drops_only_what_is_old(tmp_path: Path) -> None:
    checkpoint = reopened(tmp_path)
    checkpoint.save(NOTHING._replace(seen=[(1, 99), (2, 100)], duplicates=[(5, 1), (6, 1)]))
    checkpoint.forget(seen_before=100, stored=5)
    assert checkpoint.seen([1, 2]) == {2: 100}
    assert checkpoint.duplicates(0, 9) == {(6, 1)}
    checkpoint.close()


def test_saves_in_several_threads_do_not_undo_each_other(tmp_path: Path) -> None:
    """At shutdown a last save may find one that was cancelled still writing."""
    checkpoint = reopened(tmp_path)
    begin = threading.Barrier(4)

    def save(thread: int) -> None:
        begin.wait(timeout=20)
        for n in range(50):
            one = thread * 1000 + n
            checkpoint.save(NOTHING._replace(memories=[("rule", str(one), b"")], seen=[(one, one)]))
            checkpoint.forget(seen_before=0, stored=0)

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(save, thread) for thread in range(4)]:
            done.result(timeout=60)
    wanted = [thread * 1000 + n for thread, n in itertools.product(range(4), range(50))]
    assert sorted(checkpoint.seen(wanted)) == wanted
    assert len(checkpoint.memories()) == 200
    checkpoint.close()


async def test_it_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    checkpoint = reopened(tmp_path)
    saving = asyncio.create_task(
        asyncio.to_thread(checkpoint.save, NOTHING._replace(seen=[(n, n) for n in range(50_000)]))
    )
    found = {len(checkpoint.seen([0, 49_999]))}
    while not saving.done():
        found.add(len(checkpoint.seen([0, 49_999])))
        await asyncio.to_thread(threading.Event().is_set)
    assert found <= {0, 2}, "all of a save or nothing"
    await saving
    checkpoint.close()


def test_the_latest_clock(tmp_path: Path) -> None:
    path = tmp_path / "data" / "checkpoint.db"
    assert latest_clock(path) == 0
    checkpoint = reopened(tmp_path)
    assert latest_clock(path) == 0
    checkpoint.save(NOTHING._replace(now=1_790_000_000_000))
    assert latest_clock(path) == 1_790_000_000_000
    checkpoint.close()
    assert latest_clock(path) == 1_790_000_000_000
    empty = tmp_path / "empty.db"
    empty.touch()
    assert latest_clock(empty) == 0
