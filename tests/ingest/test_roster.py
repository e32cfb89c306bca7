"""The rota as it holds: changes are durable before they hold, gaps reach the desk, nights are confirmed."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

from alerts.acts import Refusal, Refused
from alerts.assurance import Night
from alerts.duty_acts import Override, TurnOf
from alerts.duty_file import DutyFile
from alerts.people import Language, Person
from devices.registry import Place, PlaceKind, Registry
from ingest.duty_records import SCHEMA, DutyRecords, What
from ingest.duty_watch import DutyWatch
from ingest.journal import SqliteJournal
from ingest.roster import Roster, Taken, load
from rules.decision import Change, Decision
from tests.alerts.test_vacancy import at
from tests.deadline import eventually
from tests.ingest.works import TestClock

MINUTE, HOUR = 60_000, 3_600_000
REGISTRY = Registry.of([Place("home", PlaceKind.SITE, timezone="Asia/Shanghai")])
FILE = """\
[[person]]
id = "an"
[[person]]
id = "bo"
[[person]]
id = "chen"

[[shift]]
id = "night"
role = "primary"
places = ["home"]
from = "21:00"
to = "07:00"
since = 2026-12-01
people = ["an", "bo"]

[[shift]]
id = "boss"
role = "manager"
places = ["home"]
from = "00:00"
to = "00:00"
since = 2026-12-01
people = ["chen"]

[[cover]]
role = "primary"
places = ["home"]
between = ["21:00", "07:00"]

[[assurance]]
id = "night"
place = "home"
at = "20:30"
night = ["21:00", "07:00"]
"""
EVENING = at("2026-12-01 20:30")  # of an's night


class House:
    """A roster over a journal, and what it decided and asked."""

    def __init__(self, journal: SqliteJournal, folder: Path, clock: TestClock, reachable: set[str]) -> None:
        self.decided: list[Decision] = []
        self.asked: list[str] = []
        self.reachable, self.clock = reachable, clock
        path = folder / "duty.toml"
        file = load(path, REGISTRY)
        assert isinstance(file, DutyFile)
        self.roster = Roster(path, file, REGISTRY, DutyRecords(journal), clock)
        self.watch = DutyWatch(self.roster, clock, self._decide, self._tell)

    def _decide(self, decisions: list[Decision], now: int) -> None:
        assert now == self.clock.time
        self.decided += decisions

    async def _tell(self, person: Person, night: Night, text: Mapping[Language, str]) -> bool:
        assert "2026" not in text[person.language]
        self.asked.append(f"{person.id} {night.id}")
        return person.id in self.reachable

    async def look(self, moment: int) -> None:
        self.clock.time = moment
        await self.watch.look()

    def on(self, moment: int) -> tuple[str, ...]:
        return self.roster.on_duty("primary", ["home"], moment)


@asynccontextmanager
async def house(
    folder: Path, now: int = EVENING, reachable: tuple[str, ...] = ("an", "bo", "chen")
) -> AsyncIterator[House]:
    if not (folder / "duty.toml").exists():
        (folder / "duty.toml").write_text(FILE)
    journal = SqliteJournal(folder / "journal.db", lambda _: None, SCHEMA)
    clock = TestClock()
    clock.time = now
    try:
        yield House(journal, folder, clock, set(reachable))
    finally:
        journal.close()


def override(**asked: str) -> Override:
    return Override(since=at("2026-12-01 21:00"), until=at("2026-12-02 07:00"), **asked)


async def test_an_override_holds_at_once_and_after_a_restart_and_can_be_withdrawn(tmp_path: Path) -> None:
    night = at("2026-12-02 03:00")
    async with house(tmp_path) as one:
        taken = await one.roster.override(override(person="chen", instead="an"), "head", "an is ill")
        assert isinstance(taken, Taken)
        assert (taken.record.by, taken.record.reason, taken.record.at) == ("head", "an is ill", EVENING)
        assert one.on(night) == ("chen",)
    async with house(tmp_path) as one:
        assert one.on(night) == ("chen",)
        assert isinstance(await one.roster.withdraw(taken.record.id, "head", "is well"), Taken)
        assert one.on(night) == ("an",)
        again = await one.roster.withdraw(taken.record.id, "head", "")
        assert isinstance(again, Refused)
        assert again.why is Refusal.UNKNOWN_CHANGE
    async with house(tmp_path) as one:
        assert one.on(night) == ("an",)


async def test_two_people_swap_and_it_is_told_what_gaps_follow(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        first, second = TurnOf("night", date(2026, 12, 1)), TurnOf("night", date(2026, 12, 2))
        taken = await one.roster.swap(first, second, "head", "")
        assert isinstance(taken, Taken)
        assert taken.gaps == []
        assert one.on(at("2026-12-02 03:00")) == ("bo",)
        assert one.on(at("2026-12-03 03:00")) == ("an",)
        away = await one.roster.override(override(instead="bo"), "head", "")
        assert isinstance(away, Taken)
        assert [(gap.begin, gap.end) for gap in away.gaps] == [
            (at("2026-12-01 21:00"), at("2026-12-02 07:00"))
        ]


async def test_what_cannot_be_meant_is_refused_and_recorded_nowhere(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        wrong = [
            (override(person="eve", instead="an"), Refusal.UNKNOWN_PERSON),
            (override(person="an", instead="bo"), Refusal.NOT_ON_DUTY),
            (override(person="an", instead="an"), Refusal.BAD_SCOPE),
            (override(person="an"), Refusal.BAD_SCOPE),
            (override(), Refusal.BAD_SCOPE),
            (override(person="bo", role="primary", place="moon"), Refusal.UNKNOWN_PLACE),
            (Override(since=EVENING, until=EVENING, instead="an"), Refusal.BAD_SCOPE),
            (Override(since=0, until=EVENING, instead="an"), Refusal.BAD_SCOPE),
        ]
        for asked, why in wrong:
            found = await one.roster.override(asked, "head", "")
            assert isinstance(found, Refused)
            assert found.why is why
        for turns, why in (
            ((TurnOf("night", date(2026, 12, 1)), TurnOf("night", date(2026, 12, 3))), Refusal.BAD_SCOPE),
            ((TurnOf("night", date(2026, 12, 1)), TurnOf("day", date(2026, 12, 3))), Refusal.UNKNOWN_SHIFT),
            (
                (TurnOf("night", date(2026, 12, 1), "bo"), TurnOf("night", date(2026, 12, 2))),
                Refusal.NOT_ON_DUTY,
            ),
        ):
            refused = await one.roster.swap(*turns, "head", "")
            assert isinstance(refused, Refused)
            assert refused.why is why
        assert one.roster.records == []


async def test_a_calendar_replaces_the_one_before_and_strangers_are_told(tmp_path: Path) -> None:
    def calendar(who: str) -> str:
        return (
            "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:e1\nDTSTAMP:20261201T000000Z\n"
            f"DTSTART:20261203T080000\nDTEND:20261203T200000\nSUMMARY:{who}\nEND:VEVENT\nEND:VCALENDAR\n"
        )

    noon = at("2026-12-03 12:00")
    async with house(tmp_path) as one:
        assert isinstance(
            await one.roster.take_calendar(calendar("an"), "primary", "home", "head", ""), Taken
        )
        assert one.on(noon) == ("an",)
        assert isinstance(
            await one.roster.take_calendar(calendar("bo"), "primary", "home", "head", ""), Taken
        )
        assert one.on(noon) == ("bo",)
        found = await one.roster.take_calendar(calendar("Eve"), "primary", "home", "head", "")
        assert isinstance(found, list)
        assert "e1" in str(found[0])
        assert one.on(noon) == ("bo",)
    (tmp_path / "duty.toml").write_text(FILE.replace('id = "bo"', 'id = "ding"').replace('"bo"', '"an"'))
    async with house(tmp_path) as one:
        assert one.on(noon) == ()  # bo has left: his turns are nobody's, the calendar holds


async def test_r41_a_gap_made_by_an_override_is_raised_at_the_next_look_and_once(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        assert isinstance(await one.roster.override(override(instead="an"), "head", ""), Taken)
        await one.look(EVENING)
        await one.look(EVENING + MINUTE)
        gaps = [(it.change, it.facts["role"]) for it in one.decided if it.evidence.metric == "duty_gap"]
        assert gaps == [(Change.RAISE, "primary")]
        filled = override(person="bo", role="primary", place="home")
        assert isinstance(await one.roster.override(filled, "head", ""), Taken)
        await one.look(EVENING + 2 * MINUTE)
        assert one.decided[-1].change is Change.CLEAR


async def test_who_is_silent_is_followed_by_the_next_over_a_restart_and_nobody_is_asked_twice(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as one:
        await one.look(EVENING)
        await one.look(EVENING + 9 * MINUTE)
        assert one.asked == ["an night.2026-12-01"]
    async with house(tmp_path) as one:
        await one.look(EVENING + 9 * MINUTE)
        await one.look(EVENING + 10 * MINUTE)
        assert one.asked == ["chen night.2026-12-01"]
        await one.look(EVENING + 19 * MINUTE)
        assert one.decided == []
        await one.look(EVENING + 20 * MINUTE)
        assert [it.facts.get("why") for it in one.decided] == ["unconfirmed"]
        course = await one.watch.answer("night.2026-12-01", "an", source="link")
        assert not isinstance(course, Refused)
        await one.look(EVENING + 21 * MINUTE)
        assert one.decided[-1].change is Change.CLEAR
    assert [record.what for record in one.roster.records if record.what is What.ASKED] == [What.ASKED] * 2


async def test_who_says_yes_in_the_place_of_the_first_is_on_duty_too(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        await one.look(EVENING)
        assert not isinstance(await one.watch.answer("night.2026-12-01", "an", here=False), Refused)
        await one.look(EVENING)
        assert one.asked[-1] == "chen night.2026-12-01"
        assert not isinstance(await one.watch.answer("night.2026-12-01", "chen"), Refused)
        assert set(one.on(at("2026-12-02 03:00"))) == {"an", "chen"}
        assert one.decided == []


async def test_who_says_no_in_the_place_of_the_first_is_not_on_duty(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        await one.look(EVENING)
        for person in ("an", "chen"):
            assert not isinstance(await one.watch.answer("night.2026-12-01", person, here=False), Refused)
            await one.look(EVENING)
        assert one.on(at("2026-12-02 03:00")) == ("an",)
        assert [it.facts.get("why") for it in one.decided] == ["unconfirmed"]


async def test_whom_no_channel_reaches_is_not_waited_for(tmp_path: Path) -> None:
    async with house(tmp_path, reachable=("chen",)) as one:
        await one.look(EVENING)
        assert one.asked == ["an night.2026-12-01", "chen night.2026-12-01"]
        await one.look(EVENING + 9 * MINUTE)
        assert one.decided == []


async def test_only_who_was_asked_answers_and_only_about_nights_that_are_asked_about(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        await one.look(EVENING)
        for night, person, why in (
            ("night.2026-12-01", "bo", Refusal.NOT_ASKED),
            ("night.2026-11-01", "an", Refusal.UNKNOWN_NIGHT),
        ):
            found = await one.watch.answer(night, person)
            assert isinstance(found, Refused)
            assert found.why is why


async def test_a_file_that_changed_is_taken_up_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    night = at("2026-12-02 03:00")
    async with house(tmp_path) as one:
        running = asyncio.create_task(one.watch.run())
        try:
            (tmp_path / "duty.toml").write_text(FILE.replace('["an", "bo"]', '["bo", "an", "an"]'))
            await eventually(lambda: one.on(night) == ("bo",))
            (tmp_path / "duty.toml").write_text("[[shift]]\n")
            await eventually(lambda: bool(one.roster.problems))
            assert one.on(night) == ("bo",)
        finally:
            running.cancel()
            await asyncio.wait([running])
