"""Rules change while they work: all or nothing, nothing decided twice or lost, every change on record."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog

from devices.message import Message
from ingest.journal import Entry, SqliteJournal
from ingest.metrics import Metrics
from ingest.rule_records import SCHEMA, RuleRecords
from ingest.rulebook import DEFAULT, FILE, Rulebook
from rules import difference
from rules.configuration import default, load
from rules.decision import Change
from rules.engine import Engine
from rules.ruleset import RuleSet
from rules.snapshot import HELD, SITUATION
from tests.deadline import DEADLINE_S, eventually
from tests.ingest.works import REGISTRY, T0, TestClock, Works, heart_rate, message, sos, works
from tests.ingest.works import rules as rules_of_works
from tests.mistakes import TEN_MISTAKES, WRONG_LINES

HOUR = 3_600_000
ROUNDS = """
[[rule]]
id = "round"
kind = "missed_check"
check = "visit"
every = "{every}"
"""


def rounds(every: str) -> RuleSet:
    found = load(ROUNDS.format(every=every), REGISTRY)
    assert isinstance(found, RuleSet)
    return found


def pulse(above: int) -> RuleSet:
    """A rule that gets its observations in their order (R-92)."""
    found = load(f'[[rule]]\nid = "pulse"\nkind = "expression"\ncondition = "heart_rate > {above}"', REGISTRY)
    assert isinstance(found, RuleSet), found
    return found


def visit(device: str, at: int, identity: str) -> Message:
    return message("event", {"event": "visit", "id": identity}, device, at)


def decided(works: Works, rule: str) -> list[tuple[str, int]]:
    """About whom a rule raised, and at what time."""
    return [(one.subject, one.at) for one in works.decided if one.rule == rule and one.change is Change.RAISE]


async def test_other_rules_go_on_with_the_memories_of_those_before(at_work: Works) -> None:
    await at_work.pipeline.replace(rounds("2h"))
    await at_work.take(visit("d1", T0 + HOUR, "v"))
    at_work.pipeline.drain()
    await at_work.pipeline.replace(rounds("3h"))
    at_work.pipeline.tick(T0 + 4 * HOUR)
    late = 3 * HOUR + 3 * HOUR // 10
    assert decided(at_work, "round") == [("bob", T0 + late)]
    at_work.pipeline.tick(T0 + 5 * HOUR)
    assert decided(at_work, "round") == [("bob", T0 + late), ("ann", T0 + HOUR + late)], (
        "from her last visit on"
    )


async def test_a_crash_right_after_other_rules_took_over_puts_no_round_off(at_work: Works) -> None:
    await at_work.pipeline.replace(rounds("2h"))
    assert at_work.checkpoint is not None
    again = Engine(rounds("2h"), REGISTRY, T0 + HOUR)  # as after a start an hour later
    again.restore(at_work.checkpoint.memories())
    raised = [(one.subject, one.at) for one in again.tick(T0 + 3 * HOUR) if one.change is Change.RAISE]
    late = 2 * HOUR + 2 * HOUR // 10
    assert raised == [("ann", T0 + late), ("bob", T0 + late)]


async def test_rules_that_go_are_forgotten_and_begin_anew_when_they_come_back(at_work: Works) -> None:
    await at_work.pipeline.replace(rounds("2h"))
    await at_work.pipeline.replace(rules_of_works())
    assert at_work.checkpoint is not None
    assert {rule for rule, _, _ in at_work.checkpoint.memories()} <= {HELD, SITUATION, "fall", "sos"}
    at_work.clock.time = T0 + 9 * HOUR
    await at_work.pipeline.replace(rounds("2h"))
    at_work.pipeline.tick(T0 + 10 * HOUR)
    assert decided(at_work, "round") == [], "what fell due while nobody watched is nobody's fault"


async def test_what_happens_while_other_rules_are_made_ready_is_known_to_them(tmp_path: Path) -> None:
    meanwhile: list[list[Entry]] = []

    async def recorded() -> None:  # what the checkpoint will say is settled by now
        while meanwhile:
            at_work.give(meanwhile.pop())
            at_work.pipeline.drain()

    with works(tmp_path, recorded) as at_work:
        await at_work.pipeline.replace(rounds("2h"))
        meanwhile.append(await at_work.journalled(visit("d1", T0 + HOUR, "v")))
        await at_work.pipeline.replace(rounds("3h"))
        at_work.pipeline.tick(T0 + 5 * HOUR)
        late = 3 * HOUR + 3 * HOUR // 10
        assert decided(at_work, "round") == [("bob", T0 + late), ("ann", T0 + HOUR + late)]


async def test_r92_what_waits_for_its_order_is_not_lost_when_other_rules_take_over(at_work: Works) -> None:
    await at_work.pipeline.replace(pulse(120))
    await at_work.take(heart_rate(150, T0 + 1_000))
    at_work.pipeline.drain()
    assert decided(at_work, "pulse") == [], "it waits"
    await at_work.pipeline.replace(pulse(130))
    at_work.pipeline.tick(T0 + 10_000)
    assert decided(at_work, "pulse") == [("ann", T0 + 1_000)]


async def test_a_call_while_other_rules_are_made_ready_is_decided_at_once_and_once(at_work: Works) -> None:
    replacing = asyncio.create_task(at_work.pipeline.replace(rounds("2h")))
    calls = 0
    while not replacing.done():
        await at_work.take(sos(T0 + calls, id=f"press-{calls}"))
        calls += 1
        assert len(decided(at_work, "sos")) == calls
    await replacing
    at_work.pipeline.drain()
    assert calls > 0
    assert len({one.evidence.key for one in at_work.decided if one.rule == "sos"}) == calls


@dataclass
class Kept:
    """A rulebook over a file, and the rules that took over."""

    folder: Path
    taken: list[RuleSet] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.path = self.folder / "rules.toml"
        self.journal = SqliteJournal(self.folder / "journal.db", lambda _: None, SCHEMA)
        self.records = RuleRecords(self.journal)

    def book(self, rules: RuleSet, *, path: Path | None = None) -> Rulebook:
        async def replace(rules: RuleSet) -> None:
            self.taken.append(rules)

        return Rulebook(path, rules, REGISTRY, self.records, TestClock(), self.metrics, replace)

    def invalid(self) -> float | None:
        return self.metrics.registry.get_sample_value("shouwang_rules_invalid")


@pytest.fixture
async def kept(tmp_path: Path) -> "Iterator[Kept]":  # type: ignore[misc]
    made = Kept(tmp_path)
    yield made
    made.journal.close()


async def test_a_changed_file_is_taken_up_and_recorded(kept: Kept) -> None:
    kept.path.write_text(ROUNDS.format(every="2h"))
    book = kept.book(rounds("2h"), path=kept.path)
    running = asyncio.create_task(book.run())
    await eventually(lambda: kept.records.changes(9), why="what held at the start is recorded")
    kept.path.write_text(ROUNDS.format(every="3h"))
    await eventually(lambda: len(kept.records.changes(9)) == 2)
    running.cancel()
    assert kept.taken == [rounds("3h")] == [book.rules]
    newest = kept.records.changes(1)[0]
    assert (newest.by, newest.source, newest.text) == (FILE, str(kept.path), kept.path.read_text())
    assert list(newest.changes) == [difference.Change("round", "", "every", "'2h'", "'3h'")]


async def test_a_file_with_ten_mistakes_gives_them_all_and_the_rules_before_go_on(kept: Kept) -> None:
    kept.path.write_text(TEN_MISTAKES)
    book = kept.book(rounds("2h"), path=kept.path)
    assert not await book.reload()
    assert [problem.line for problem in book.problems] == WRONG_LINES
    assert all(problem.file == str(kept.path) and problem.message for problem in book.problems)
    assert (kept.taken, book.rules) == ([], rounds("2h"))
    assert kept.invalid() == len(WRONG_LINES)
    assert kept.records.changes(9) == []


async def test_a_file_put_right_ends_the_complaint(kept: Kept) -> None:
    kept.path.write_text(TEN_MISTAKES)
    book = kept.book(rounds("2h"), path=kept.path)
    await book.reload()
    kept.path.write_text(ROUNDS.format(every="4h"))
    assert await book.reload("chen", "rounds are too many")
    assert (book.problems, kept.invalid()) == ([], 0)
    assert kept.taken == [rounds("4h")]
    assert [(one.by, one.reason) for one in kept.records.changes(9)] == [("chen", "rounds are too many")]


async def test_a_file_that_is_gone_changes_nothing(kept: Kept) -> None:
    book = kept.book(rounds("2h"), path=kept.path)
    assert not await book.reload()
    assert "cannot be read" in str(book.problems[0])
    assert kept.taken == []


async def test_the_same_rules_again_are_no_change(kept: Kept) -> None:
    kept.path.write_text("# a comment\n" + ROUNDS.format(every="2h"))
    book = kept.book(rounds("2h"), path=kept.path)
    assert await book.reload()
    assert (kept.taken, kept.records.changes(9)) == ([], [])


async def test_what_changed_while_the_service_was_down_is_recorded_at_its_start(kept: Kept) -> None:
    for every in ("2h", "2h", "3h"):
        kept.path.write_text(ROUNDS.format(every=every))
        running = asyncio.create_task(kept.book(rounds(every), path=kept.path).run())
        await asyncio.wait([running], timeout=0.3)
        running.cancel()
    newest, first = kept.records.changes(9)
    assert list(newest.changes) == [difference.Change("round", "", "every", "'2h'", "'3h'")]
    assert {(one.rule, one.before) for one in first.changes} >= {("round", ""), ("sos", "")}


async def test_without_a_file_the_default_rules_hold(kept: Kept) -> None:
    book = kept.book(default())
    await book.run()
    assert await book.reload()
    assert (book.source, kept.taken) == (DEFAULT, [])
    assert kept.records.changes(9)[0].source == DEFAULT


async def test_a_bug_in_taking_over_ends_nobodys_watch(kept: Kept) -> None:
    async def broken(_: RuleSet) -> None:
        raise ZeroDivisionError

    kept.path.write_text(ROUNDS.format(every="3h"))
    book = Rulebook(kept.path, rounds("2h"), REGISTRY, kept.records, TestClock(), kept.metrics, broken)
    assert not await book.reload()
    assert book.rules == rounds("2h")
    assert "could not take over: ZeroDivisionError" in str(book.problems[0])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"x = " + b"[" * 5000, "brackets"),
        (b"x = " + b"9" * 5000, "number"),
        (b"# as long as you like\n" * 200_000, "nobody writes such a file"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
async def test_no_file_ends_the_watch_whatever_is_in_it(kept: Kept, content: bytes, why: str) -> None:
    kept.path.write_bytes(content)
    book = kept.book(rounds("2h"), path=kept.path)
    running = asyncio.create_task(book.run())
    await eventually(lambda: bool(book.problems) or running.done(), why="nobody looked at the file")
    assert not running.done(), "the watch ended, and with it the service"
    running.cancel()
    assert why in str(book.problems[0])
    assert kept.taken == []


async def test_a_pipe_in_place_of_the_file_holds_up_nobody(kept: Kept) -> None:
    os.mkfifo(kept.path)
    async with asyncio.timeout(DEADLINE_S):
        assert not await kept.book(rounds("2h"), path=kept.path).reload()


async def test_of_a_hundred_thousand_mistakes_few_are_logged(kept: Kept) -> None:
    kept.path.write_text("".join(f"k{number} = 1\n" for number in range(1000)))
    with structlog.testing.capture_logs() as logs:
        assert not await kept.book(rounds("2h"), path=kept.path).reload()
    assert kept.invalid() == 1000
    assert 10 <= len(logs) <= 100, "each line holds up the loop, and with it an SOS"


async def test_who_changed_the_rules_is_on_record_and_in_no_log(kept: Kept) -> None:
    kept.path.write_text(ROUNDS.format(every="3h"))
    with structlog.testing.capture_logs() as logs:
        assert await kept.book(rounds("2h"), path=kept.path).reload("chen", "too many")
    assert [one["event"] for one in logs] == ["rules_changed"]
    assert "chen" not in str(logs)
    assert kept.records.changes(1)[0].by == "chen"
