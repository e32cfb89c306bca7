"""What is sent, in which words, and what those words never hold."""

from dataclasses import replace

import orjson
import pytest

from alerts.acts import Shelving, acknowledge, resolve, shelve
from alerts.book import Book
from alerts.decide import decide
from alerts.episode import Episode
from alerts.event import Event, EventName
from alerts.life import life_safety
from alerts.notification import Notification, notify, text
from alerts.view import body, iso, view
from devices.registry import Place, PlaceKind, Registry, Resident
from rules.configuration import default
from rules.decision import Change, Decision, Severity
from rules.kinds import KINDS
from rules.ruleset import Definition
from tests.alerts.course import Course
from tests.alerts.decisions import HOME, decision


def first(seen: Decision, now: int = 1_000) -> tuple[Episode, Notification]:
    """The episode this decision opens and its notification."""
    book = Book()
    (event,) = decide(book, seen, now, "s1")
    episode = book.apply(event)
    notification = notify(episode, event)
    assert notification is not None
    return episode, notification


def test_the_text_says_how_urgent_where_and_what_in_both_languages() -> None:
    assert text(*first(decision()), HOME) == {
        "zh-CN": "【紧急】301室 1床：呼救",
        "en": "URGENT: Room 301, bed 1: call for help",
    }


def test_a_late_press_says_how_old_it_is() -> None:
    episode, notification = first(decision(at=1_000), 1_000 + 720_000)
    assert text(episode, notification, HOME) == {
        "zh-CN": "【紧急】301室 1床：呼救（12分钟前发生）",
        "en": "URGENT: Room 301, bed 1: call for help (happened 12 min ago)",
    }
    assert body(episode, notification, HOME)["age_ms"] == 720_000
    assert "age_ms" not in body(*first(decision(at=1_000), 1_500), HOME)


def test_only_the_private_text_names_the_resident() -> None:
    episode, notification = first(decision())
    for language, private in text(episode, notification, HOME, private=True).items():
        assert "王秀英" in private
        assert "王秀英" not in text(episode, notification, HOME)[language]
    assert "王秀英" not in orjson.dumps(body(episode, notification, HOME)).decode()


@pytest.mark.parametrize(
    "rule", [rule for rule in default() if rule.kind.name == "missed_check"], ids=lambda rule: rule.id
)
def test_every_check_of_the_default_rules_has_words_of_its_own(rule: Definition) -> None:
    check = rule.fields.get("task") or rule.fields["check"]
    overdue = replace(decision(rule=rule.id, metric="visit"), kind="missed_check", facts={"check": check})
    said = text(*first(overdue), HOME)
    assert said["zh-CN"] != "【紧急】301室 1床：照护任务逾期"
    assert said["en"].startswith("URGENT: Room 301, bed 1: check overdue: ")


def test_a_check_made_without_its_proof_says_so() -> None:
    facts = {"check": "turning", "refused": 1}
    said = text(*first(replace(decision(rule="turning"), kind="missed_check", facts=facts)), HOME)
    assert said == {
        "zh-CN": "【紧急】301室 1床：翻身：照护任务逾期（有人做过，但缺少凭证）",
        "en": "URGENT: Room 301, bed 1: check overdue: turning (made, but without its proof)",
    }


def test_an_environment_alarm_says_what_is_in_the_air() -> None:
    said = text(*first(decision(rule="environment", metric="smoke", subject="kitchen")), HOME)
    assert said == {"zh-CN": "【紧急】一楼厨房：烟雾报警", "en": "URGENT: 一楼厨房: smoke"}


@pytest.mark.parametrize(
    ("why", "stand_in", "severity", "zh", "en"),
    [
        ("broker", "", Severity.MEDIUM, "（消息服务器中断）", " (the message broker is not reached)"),
        ("unworn", "", Severity.HIGH, "（设备未佩戴）", " (the device is not worn)"),
        (
            "flat",
            "radar 7",
            Severity.LOW,
            "（设备没电），暂有看护",
            " (the device's battery is flat), watched meanwhile",
        ),
        ("flat", "radar 7", Severity.MEDIUM, "（设备没电）", " (the device's battery is flat)"),
        ("", "", Severity.MEDIUM, "", ""),
    ],
)
def test_who_cannot_call_is_told_with_the_reason_and_whether_she_is_watched(
    why: str, stand_in: str, severity: Severity, zh: str, en: str
) -> None:
    facts = {key: value for key, value in (("why", why), ("stand_in", stand_in)) if value}
    seen = replace(decision(rule="unprotected", severity=severity), facts=facts)
    said = text(*first(seen), HOME)
    assert said["zh-CN"].endswith(f"：无法呼救{zh}")
    assert said["en"].endswith(f": cannot call for help{en}")


def test_a_device_that_needs_attention_says_which() -> None:
    said = text(*first(decision(rule="device_health", metric="mains_power", subject="kitchen")), HOME)
    assert said == {
        "zh-CN": "【紧急】一楼厨房：设备断电",
        "en": "URGENT: 一楼厨房: a device has no mains power",
    }


def test_a_device_of_nobody_still_calls() -> None:
    said = text(*first(decision(subject="device:s1/button-9")), HOME)
    assert said == {
        "zh-CN": "【紧急】未登记设备 button-9：呼救",
        "en": "URGENT: Unassigned device button-9: call for help",
    }


def test_an_unknown_subject_and_an_unknown_kind_still_make_a_text() -> None:
    said = text(*first(decision(rule="new_kind", subject="who")), HOME)
    assert said == {"zh-CN": "【紧急】位置未知：new_kind", "en": "URGENT: Place unknown: new kind"}


def test_many_people_under_one_cause_are_listed_and_then_counted() -> None:
    beds = [Place(f"b{number}", PlaceKind.BED, str(number)) for number in range(7)]
    people = [Resident(f"p{number}", f"b{number}") for number in range(7)]
    registry = Registry.of(beds, people)
    book = Book()
    for number in range(7):
        seen = decision(f"k{number}", rule="unprotected", subject=f"p{number}", cause="gateway:g1")
        (event,) = decide(book, seen, 1_000)
        episode = book.apply(event)
    notification = notify(episode, event)
    assert notification is not None
    said = text(episode, notification, registry)
    assert said["zh-CN"] == "【紧急】0床、1床、2床、3床、4床等7处：无法呼救，再次触发"
    assert said["en"].startswith("URGENT: Bed 0; Bed 1; Bed 2; Bed 3; Bed 4 and 2 more: cannot call for help")
    subjects = body(episode, notification, registry)["subjects"]
    assert isinstance(subjects, list)
    assert [subject["resident"] for subject in subjects] == [f"p{number}" for number in range(7)]


def test_a_body_is_json_with_times_in_iso_8601() -> None:
    shown = orjson.loads(orjson.dumps(body(*first(decision(at=1_763_763_600_123), 1_763_763_600_456), HOME)))
    assert shown["opened_at"] == "2025-11-21T22:20:00.123Z"
    assert shown["raised_at"] == "2025-11-21T22:20:00.456Z"
    assert shown["subjects"] == [
        {
            "subject": "wang",
            "resident": "wang",
            "place": "b1",
            "room": "301",
            "bed": "1",
            "since": "2025-11-21T22:20:00.123Z",
            "active": True,
        }
    ]
    assert (shown["rule"], shown["kind"], shown["severity"], shown["state"]) == (
        "sos",
        "sos",
        "high",
        "open",
    )
    assert shown["notification"] == f"{shown['alert']}-1"
    assert set(shown["text"]) == {"zh-CN", "en"}


def test_what_people_wrote_is_in_the_view_and_in_no_body() -> None:
    book = Book()
    (opened,) = decide(book, decision(), 1, "s1")
    book.apply(opened)
    events = resolve(book, opened.episode, "Chen Mei", "real", "bruise on the left knee", 2)
    assert isinstance(events, list)
    episode = book.apply(events[0])
    notification = notify(episode, events[0])
    assert notification is not None
    seen = view(episode, HOME)
    assert (seen["resolved_by"], seen["note"], seen["outcome"]) == (
        "Chen Mei",
        "bruise on the left knee",
        "real",
    )
    sent = orjson.dumps(body(episode, notification, HOME)).decode()
    assert "Chen" not in sent
    assert "knee" not in sent


def test_smoke_is_life_safety_also_when_another_metric_opened_the_episode() -> None:
    book = Book()
    for key, metric, expected in (("k1", "humidity", False), ("k2", "smoke", True)):
        seen = decision(key, rule="environment", metric=metric, severity=Severity.MEDIUM)
        (event,) = decide(book, seen, 1)
        notification = notify(book.apply(event), event)
        assert notification is not None
        assert notification.life_safety is expected


def test_every_event_but_quiet_evidence_is_told_and_only_evidence_calls() -> None:
    book = Book()
    told: list[tuple[EventName, bool] | None] = []

    def tell(events: object) -> None:
        assert isinstance(events, list)
        event: Event = events[0]
        notification = notify(book.apply(event), event)
        told.append((notification.reason, notification.calls) if notification else None)

    tell(decide(book, decision(same_within_ms=500), 1))
    episode = book.unresolved()[0].id
    tell(decide(book, decision("k2", at=1_400, same_within_ms=500), 2))
    tell(acknowledge(book, episode, "Chen", 3))
    tell(decide(book, decision("k3", at=1_500, same_within_ms=500), 4))
    tell(decide(book, decision("end", change=Change.CLEAR, at=1_600), 5))
    tell(resolve(book, episode, "Chen", "real", "", 6))
    assert told == [
        (EventName.OPENED, True),
        None,
        (EventName.ACKNOWLEDGED, False),
        (EventName.EVIDENCE, True),
        (EventName.CLEARED, False),
        (EventName.RESOLVED, False),
    ]


@pytest.mark.parametrize(
    ("kind", "metric", "severity", "expected"),
    [
        ("sos", "sos", Severity.LOW, True),
        ("fall", "fall", Severity.MEDIUM, True),
        ("long_lie", "fall", Severity.INFO, True),
        ("environment", "smoke", Severity.MEDIUM, True),
        ("environment", "room_temperature", Severity.MEDIUM, False),
        ("bed_exit", "bed_exit", Severity.HIGH, True),
        ("missed_check", "visit", Severity.MEDIUM, False),
    ],
)
def test_life_safety(kind: str, metric: str, severity: Severity, expected: bool) -> None:
    assert life_safety(kind, metric, severity) is expected


@pytest.mark.parametrize(
    "reason", [name for name in EventName if not name.startswith(("suspension", "suppress"))]
)
def test_every_reason_has_words(reason: EventName) -> None:
    episode, opened = first(decision())
    note = Notification("n", episode.id, 2, reason, Severity.HIGH, True, False, 2)
    assert (text(episode, note, HOME) != text(episode, opened, HOME)) is (reason is not EventName.OPENED)


def test_r49_r55_bodies_carry_the_marks_of_shelves_and_groups() -> None:
    course = Course()
    asked = Shelving(rule="bed_exit", subject="wang", for_ms=60_000, by="Chen Mei", reason="knee")
    course.acted(shelve(course.book, asked, KINDS["bed_exit"], HOME, course.now))
    fall = course.decided(decision(rule="fall", at=course.now))
    out = course.decided(decision(rule="bed_exit", severity=Severity.MEDIUM, at=course.now))
    assert fall is not None
    assert out is not None
    shown = body(out, course.sent[-1], HOME)
    assert (shown["state"], shown["calls"], shown["reason"]) == ("shelved", False, "opened")
    assert (shown["first_out"], shown["follows"]) == (False, fall.id)
    assert shown["suspension"] == out.held != ""
    assert "Chen" not in str(shown)
    assert "knee" not in str(shown)
    course.passed(60_000)
    released = body(course.book.unresolved()[-1], course.sent[-1], HOME)
    assert (released["state"], released["calls"], released["suspension"]) == ("open", True, None)
    assert released["text"] == {
        "zh-CN": "【重要】301室 1床：离床，暂缓已结束，情况仍在",
        "en": "Important: Room 301, bed 1: out of bed, no longer shelved and still so",
    }


def test_a_time_no_calendar_holds_is_shown_as_a_number() -> None:
    assert iso(10**18) == "1000000000000000000"
