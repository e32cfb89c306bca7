"""A rota leaves as iCalendar and comes back the same; of a foreign calendar all errors are told."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from alerts.duty import Duty
from alerts.people import Person
from alerts.rota import Turn
from devices.registry_files import Problem
from ingest.icalendar_file import feed, read
from tests.alerts.rotas import ABOVE, PEOPLE, ROLES, duties

ZONE = "Asia/Shanghai"
STAFF = {
    "an": Person("an", "安娜", addresses={"email": "An@example.org"}),
    "bo": Person("bo", "Bo Li"),
    "chen": Person("chen", "Chen"),
    "ding": Person("ding", "Ding"),
}
HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n"
TAIL = "END:VCALENDAR\r\n"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)


YEAR = (at("2026-12-01"), at("2027-12-01"))


def event(*lines: str, uid: str = "e1") -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20261126T000000Z", *lines, "END:VEVENT", ""])


def turns(*events: str) -> tuple[Turn, ...]:
    found = read(HEAD + "".join(events) + TAIL, "primary", "home", ZONE, STAFF, *YEAR)
    assert isinstance(found, tuple), found
    return found


def problems(text: str) -> list[Problem]:
    found = read(text, "primary", "home", ZONE, STAFF, *YEAR, file="night.ics")
    assert isinstance(found, list), found
    return found


@settings(max_examples=30, deadline=None)
@given(duties())
def test_what_is_exported_comes_back_as_the_same_rota(made: tuple[Duty, int, int]) -> None:
    duty, since, until = made
    spans = duty.spans(since, until)
    edges = sorted({since, until - 1, *(one[0] for one in spans), *(one[1] - 1 for one in spans)})
    for role in ROLES:
        for place in ABOVE:
            mine = [one for one in spans if (one[2].role, one[2].place) == (role, place)]
            text = feed(mine, since).decode()
            back = read(text, role, place, ZONE, {who: Person(who) for who in PEOPLE}, since, until)
            assert isinstance(back, tuple), back
            again = Duty(turns=back)
            for edge in edges:
                assert set(again.on_duty(role, [place], edge)) == set(duty.on_duty(role, [place], edge))


def test_events_recur_and_local_times_are_those_of_the_place() -> None:
    found = turns(
        event(
            "DTSTART:20261201T200000",
            "DTEND:20261202T080000",
            "SUMMARY:Bo Li",
            "RRULE:FREQ=DAILY;COUNT=3",
            "EXDATE:20261202T200000",
        )
    )
    assert [(one.begin, one.end, one.people) for one in found] == [
        (at("2026-12-01 20:00"), at("2026-12-02 08:00"), ("bo",)),
        (at("2026-12-03 20:00"), at("2026-12-04 08:00"), ("bo",)),
    ]


def test_one_event_moved_by_hand_is_where_it_was_moved_to() -> None:
    found = turns(
        event("DTSTART:20261201T200000", "DURATION:PT12H", "SUMMARY:an", "RRULE:FREQ=DAILY;COUNT=2"),
        event("RECURRENCE-ID:20261202T200000", "DTSTART:20261202T210000", "DURATION:PT11H", "SUMMARY:chen"),
    )
    assert [(one.begin, one.people) for one in found] == [
        (at("2026-12-01 20:00"), ("an",)),
        (at("2026-12-02 21:00"), ("chen",)),
    ]


def test_a_person_is_meant_by_address_name_or_id() -> None:
    day = ("DTSTART;VALUE=DATE:20261201", "DTEND;VALUE=DATE:20261202")
    found = turns(
        event(*day, "SUMMARY:night", "ATTENDEE;CN=x:mailto:an@EXAMPLE.org", "ATTENDEE:mailto:bo"),
        event(*day, "SUMMARY:安娜、chen", uid="e2"),
        event(*day, "SUMMARY:nobody at all", "STATUS:CANCELLED", uid="e3"),
    )
    assert sorted(one.people for one in found) == [("an", "bo"), ("an", "chen")]
    assert {(one.begin, one.end) for one in found} == {(at("2026-12-01"), at("2026-12-02"))}


def test_every_stranger_is_told_with_uid_and_line() -> None:
    day = ("DTSTART;VALUE=DATE:20261201", "DTEND;VALUE=DATE:20261202")
    long = "u" * 100
    folded = event(*day, "SUMMARY:Eve", uid="e2").replace("UID:e2", f"UID:{long[:70]}\r\n {long[70:]}")
    text = HEAD + event(*day, "SUMMARY:Zhou") + folded + event(*day, uid="e3") + TAIL
    found = problems(text)
    assert [(one.line, one.message.partition(":")[0]) for one in found] == [
        (5, "event e1"),
        (12, f"event {long[:80]}"),
        (20, "event e3"),
    ]
    assert '"Zhou" is nobody of the duty file' in found[0].message
    assert "names nobody" in found[2].message


def test_a_name_of_two_people_is_nobodys() -> None:
    staff = {"a": Person("a", "Li"), "b": Person("b", "Li")}
    text = HEAD + event("DTSTART:20261201T200000Z", "DURATION:PT1H", "SUMMARY:Li") + TAIL
    found = read(text, "primary", "home", ZONE, staff, *YEAR)
    assert isinstance(found, list)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "BEGIN:VCALENDAR",
        "BEGIN:VEVENT\r\nEND:VEVENT\r\n",
        HEAD + event("DTSTART:never", "SUMMARY:an") + TAIL,
        HEAD + event("SUMMARY:an") + TAIL,
        HEAD + event("DTSTART:20261201T200000", "DTEND:20261201T200000", "SUMMARY:an") + TAIL,
        HEAD + event("DTSTART:20261201T200000", "SUMMARY:an", "RRULE:FREQ=SECONDLY") + TAIL,
        HEAD + event("DTSTART:20261201T200000", "SUMMARY:an", "RRULE:NONSENSE") + TAIL,
        HEAD + event("DTSTART:20261201T200000", "SUMMARY:an", "RRULE:FREQ=DAILY;INTERVAL=0") + TAIL,
        HEAD + event("DTSTART:20261201T200000", "SUMMARY:an", "RRULE:FREQ=DAILY;INTER\r\n\tVAL=00") + TAIL,
        HEAD + event("DTSTART:20261201T200000", "SUMMARY:an", "RRULE:FREQ=HOUR\r\n\tLY") + TAIL,
    ],
)
def test_what_is_no_calendar_of_turns_is_told(text: str) -> None:
    assert problems(text)


def test_the_feed_names_shifts_apart() -> None:
    turn = turns(event("DTSTART:20261201T200000", "DURATION:PT1H", "SUMMARY:an"))[0]
    duty = Duty(turns=(turn, replace(turn, shift="other")))
    text = feed(duty.spans(*YEAR), 0).decode()
    assert text.count("BEGIN:VEVENT") == 2
    assert len({line for line in text.splitlines() if line.startswith("UID:")}) == 2
