"""What staff report goes through the journal, and ends by itself, also when we were down at its time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import orjson

from alerts.acts import Refusal, Refused
from devices.message import Message
from devices.ourselves import DESK_TOPIC
from ingest.journal import SqliteJournal
from ingest.reports import SCHEMA, Report, Reports
from rules.engine import Engine
from rules.ruleset import RuleSet
from tests.ingest.works import REGISTRY, T0, TestClock, Works, works

HOUR = 3_600_000
IN_HOSPITAL = Report("ann", "absence", "hospital", "chen", "check-up", T0 + HOUR)


class Desk:
    """Reports over a journal, and what was journalled."""

    def __init__(self, journal: SqliteJournal, clock: TestClock) -> None:
        self.said: list[Message] = []
        self.reports = Reports(journal, self._record, REGISTRY, clock)

    async def _record(self, message: Message) -> None:
        self.said.append(message)

    def words(self) -> list[object]:
        return [orjson.loads(message.payload).get("absence") for message in self.said]


@asynccontextmanager
async def desk(folder: Path, clock: TestClock) -> AsyncIterator[Desk]:
    journal = SqliteJournal(folder / "journal.db", lambda _: None, SCHEMA)
    try:
        yield Desk(journal, clock)
    finally:
        journal.close()


async def test_a_report_is_a_message_of_our_own_about_the_resident(tmp_path: Path) -> None:
    async with desk(tmp_path, TestClock()) as one:
        assert await one.reports.report(IN_HOSPITAL) is None
    (message,) = one.said
    assert message.topic == DESK_TOPIC
    said = orjson.loads(message.payload)
    assert said == {
        "id": f"report:ann:absence:{T0}",
        "absence": "hospital",
        "resident": "ann",
        "by": "chen",
        "note": "check-up",
        "ts": T0,
    }


async def test_r58_the_rules_hear_of_it_live_and_after_a_crash(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        async with desk(tmp_path / "desk", at_work.clock) as one:
            await one.reports.report(IN_HOSPITAL)
            await at_work.take(*one.said)
            assert away(at_work) == [("ann", "hospital")]
            at_work.crash()
            assert away(at_work) == [("ann", "hospital")]
            at_work.clock.time += HOUR
            await one.reports.end_due()
            await at_work.take(one.said[-1])
            assert away(at_work) == []


async def test_two_reports_of_one_moment_are_two_and_the_second_holds(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        async with desk(tmp_path / "desk", at_work.clock) as one:
            await one.reports.report(IN_HOSPITAL)
            await one.reports.report(Report("ann", "absence", "present", "zhou"))
            await at_work.take(*one.said)
            assert away(at_work) == [], "she is here, and nobody would be told what is wrong with her"


def away(at_work: Works) -> list[tuple[str, str]]:
    """Who is away once all that was taken is processed and its order certain (R-92)."""
    at_work.pipeline.drain()
    at_work.clock.time += 3_000
    at_work.pipeline.tick(at_work.clock.time)
    engine: Engine = at_work.pipeline._engine
    return [(who.id, who.situation.absence) for who in engine.away()]


async def test_an_absence_with_an_end_ends_by_itself_once_also_when_we_were_down(tmp_path: Path) -> None:
    clock = TestClock()
    async with desk(tmp_path, clock) as before:
        await before.reports.report(IN_HOSPITAL)
        await before.reports.end_due()
        assert before.words() == ["hospital"]
        assert before.reports.ends() == {("ann", "absence"): T0 + HOUR}
    clock.time += 48 * HOUR
    async with desk(tmp_path, clock) as after:
        for _ in range(2):
            await after.reports.end_due()
        (message,) = after.said
        said = orjson.loads(message.payload)
        assert (said["absence"], said["id"]) == ("present", f"until:ann:absence:{T0 + HOUR}")
        assert "ts" not in said, "with the old time it would be history and change nothing"
        assert message.received_at == clock.time
        assert after.reports.ends() == {}


async def test_a_crash_between_the_word_and_its_note_says_it_again_by_the_same_name(tmp_path: Path) -> None:
    clock = TestClock()

    class Crashed(Exception):  # noqa: N818  not an error of ours
        pass

    async with desk(tmp_path, clock) as one:
        await one.reports.report(IN_HOSPITAL)
        clock.time += HOUR
        told: list[bytes] = []

        async def record(message: Message) -> None:
            told.append(message.payload)
            raise Crashed

        one.reports._record = record
        with suppress(Crashed):
            await one.reports.end_due()
        one.reports._record = one._record
        await one.reports.end_due()
        assert orjson.loads(told[0])["id"] == orjson.loads(one.said[-1].payload)["id"]


async def test_the_newest_report_holds_and_takes_the_end_of_the_one_before(tmp_path: Path) -> None:
    clock = TestClock()
    async with desk(tmp_path, clock) as one:
        await one.reports.report(IN_HOSPITAL)
        await one.reports.report(Report("ann", "absence", "leave", "chen", until=T0 + 3 * HOUR))
        await one.reports.report(Report("ann", "stand_in", True, "zhou", until=T0 + 2 * HOUR))
        assert one.reports.ends() == {
            ("ann", "absence"): T0 + 3 * HOUR,
            ("ann", "stand_in"): T0 + 2 * HOUR,
        }
        await one.reports.report(Report("ann", "absence", "present", "chen"))
        assert one.reports.ends() == {("ann", "stand_in"): T0 + 2 * HOUR}
        clock.time += 4 * HOUR
        await one.reports.end_due()
        assert orjson.loads(one.said[-1].payload)["stand_in"] is False
        assert one.words().count("present") == 1


async def test_what_cannot_be_is_refused_and_journals_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, TestClock()) as one:
        for report, why in (
            (Report("nobody", "absence", "leave", "chen"), Refusal.UNKNOWN_RESIDENT),
            (Report("ann", "absence", "leave", "chen", until=T0), Refusal.BAD_SCOPE),
            (Report("ann", "absence", "leave", "chen", until=T0 + 400 * 24 * HOUR), Refusal.BAD_SCOPE),
        ):
            refused = await one.reports.report(report)
            assert isinstance(refused, Refused)
            assert refused.why is why
        assert (one.said, one.reports.ends()) == ([], {})


def test_a_resident_who_was_never_reported_is_away_by_the_registry_only() -> None:
    assert Engine(RuleSet(), REGISTRY, T0).away() == []
