"""A drill is called as an alert is, says that it is one, and is never in the way of a real one (R-119)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.acts import Refusal, Refused, acknowledge, resolve
from alerts.book import Book
from alerts.decide import decide, follow
from alerts.drill import Drill, Practised, drill
from alerts.episode import Episode
from alerts.escalate import Policy, advance
from alerts.event import Acknowledged, Opened, Outcome, QuietEvent, Resolved
from alerts.notification import notify, standing, text
from ingest.channels import deliver, wording
from ingest.replay import Trial
from rules.configuration import default
from rules.decision import Decision, Severity
from tests.alerts.decisions import HOME, decision

NOW = 1_790_000_000_000


def asked(subject: str = "wang", what: Practised = Practised.SOS, by: str = "head") -> Drill:
    return Drill(subject=subject, what=what, by=by)


def began(book: Book, wanted: Drill, now: int = NOW) -> Episode:
    found = drill(book, HOME, wanted, now)
    assert isinstance(found, Decision)
    (event,) = decide(book, found, now, "s1")
    assert isinstance(event, Opened)
    episode = book.apply(event)
    note = notify(episode, event)
    assert note is not None
    assert note.calls
    assert note.life_safety, "a drill waits for nothing that a call would not wait for"
    return episode


@pytest.mark.parametrize("what", Practised)
def test_every_text_begins_by_saying_that_it_is_a_drill(what: Practised) -> None:
    book = Book()
    found = drill(book, HOME, asked(what=what), NOW)
    assert isinstance(found, Decision)
    (event,) = decide(book, found, NOW, "s1")
    assert not isinstance(event, QuietEvent)
    episode = book.apply(event)
    note = notify(episode, event)
    assert note is not None
    for said in (
        text(episode, note, HOME),
        text(episode, note, HOME, private=True),
        standing(episode, HOME),
    ):
        assert said["zh-CN"].startswith("【演练】【")
        assert said["en"].startswith("[DRILL] ")
    words = {Practised.SOS: "呼救", Practised.FALL: "跌倒", Practised.SMOKE: "烟雾"}
    assert words[what] in text(episode, note, HOME)["zh-CN"]


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (asked(subject="nobody"), Refusal.UNKNOWN_SUBJECT),
        (asked(subject="device:s1/w-1"), Refusal.UNKNOWN_SUBJECT),
        (asked(by="  "), Refusal.MISSING_NAME),
    ],
)
def test_who_or_what_must_be_known(wanted: Drill, why: Refusal) -> None:
    found = drill(Book(), HOME, wanted, NOW)
    assert isinstance(found, Refused)
    assert found.why is why


def test_one_at_a_time_about_each_and_again_once_it_is_over() -> None:
    book = Book()
    first = began(book, asked())
    again = drill(book, HOME, asked(), NOW + 1)
    assert isinstance(again, Refused)
    assert again.why is Refusal.RUNNING
    assert first.id in again.message
    assert began(book, asked(subject="r301")).id != first.id
    _resolved(book, first.id, Outcome.REAL)
    assert began(book, asked(), NOW + 10).id != first.id


def test_its_outcome_is_test_whatever_is_said() -> None:
    book = Book()
    for outcome in Outcome:
        episode = began(book, asked(), NOW)
        _resolved(book, episode.id, outcome)
        assert _the(book, episode.id).outcome is Outcome.TEST
        assert resolve(book, episode.id, "chen", outcome, "", NOW + 2) == [], "the same act again"
        book = Book()


@given(st.permutations(["sos", "drill", "fall", "vitals"]))
def test_a_real_call_is_its_own_alert_beside_a_drill_in_any_order(order: list[str]) -> None:
    book = Book()
    for step, what in enumerate(order):
        now = NOW + step * 1000
        if what == "drill":
            began(book, asked(), now)
            continue
        events = decide(book, _real(what, now), now, "s1")
        for event in events:
            assert not isinstance(event, QuietEvent)
            book.apply(event)
    kinds = {episode.kind: episode for episode in book.unresolved()}
    the_drill = kinds.pop("drill")
    assert not the_drill.signs, "something joined the drill"
    assert len(kinds) == 1, "her emergency is one alert"
    (real,) = kinds.values()
    assert {sign.kind for sign in real.said} == {"sos", "fall", "vitals"}
    assert real.follows != the_drill.id
    assert the_drill.follows == ""


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_repeat_of_a_drill_says_first_that_it_is_one(language: str) -> None:
    book = Book()
    found = drill(book, HOME, asked(), NOW)
    assert isinstance(found, Decision)
    (event,) = decide(book, found, NOW, "s1")
    assert isinstance(event, Opened)
    episode = book.apply(event)
    note = notify(episode, event)
    assert note is not None
    title, _ = wording(deliver([(episode, note)], HOME, 2), language, private=False)
    assert title.startswith({"zh-CN": "【演练】（重发）【", "en": "[DRILL] (repeat) U"}[language])


def test_a_ladder_goes_on_for_a_drill_as_for_a_call() -> None:
    calls = {}
    for what in ("drill", "sos"):
        book, taken = Book(), []
        episode = began(book, asked()) if what == "drill" else _opened(book, _real("sos", NOW))
        for now in range(NOW, NOW + 3_600_000, 1000):
            while event := advance(episode, Policy(HOME), now):
                episode = book.apply(event)
                taken.append(event.at)
        calls[what] = taken
    assert calls["drill"] == calls["sos"]
    assert len(calls["sos"]) > 20


def test_where_a_call_wants_somebody_there_a_drill_does() -> None:
    book = Book()
    episode = began(book, asked())
    closed = resolve(book, episode.id, "chen", Outcome.TEST, "", NOW + 1, needs_presence=True)
    assert isinstance(closed, Refused)
    assert closed.why is Refusal.NOBODY_THERE


def test_a_replay_knows_nothing_of_a_drill_and_minds_no_act_on_it() -> None:
    trial = Trial(default(), HOME, "s1", NOW)
    assert trial.take(Acknowledged("of-a-drill", 2, NOW + 1, "chen")) == []
    assert trial.take(Resolved("of-a-drill", 3, NOW + 2, "chen", Outcome.TEST)) == []


def test_an_acknowledged_drill_holds_back_no_press() -> None:
    book = Book()
    episode = began(book, asked())
    taken = acknowledge(book, episode.id, "chen", NOW + 1)
    assert isinstance(taken, list)
    for event in taken:
        book.apply(event)
    (event,) = decide(book, _real("sos", NOW + 2), NOW + 2, "s1")
    assert isinstance(event, Opened)
    assert event.calls


def test_drills_make_no_flood() -> None:
    book = Book()
    for step in range(30):
        episode = began(book, asked(), NOW + step)
        assert list(follow(book, NOW + step, "s1")) == []
        _resolved(book, episode.id, Outcome.TEST, NOW + step)


def _real(kind: str, now: int) -> Decision:
    severity = Severity.MEDIUM if kind == "vitals" else Severity.HIGH
    return decision(f"{kind}|{now}", rule=kind, severity=severity, at=now)


def _opened(book: Book, made: Decision) -> Episode:
    (event,) = decide(book, made, NOW, "s1")
    assert isinstance(event, Opened)
    return book.apply(event)


def _resolved(book: Book, episode: str, outcome: Outcome, now: int = NOW + 1) -> None:
    closed = resolve(book, episode, "chen", outcome, "", now)
    assert isinstance(closed, list)
    for event in closed:
        book.apply(event)


def _the(book: Book, episode: str) -> Episode:
    found = book.get(episode)
    assert found is not None
    return found
