"""The resident is asked first where that can do no harm, and no answer is never a silence."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.acts import Refused, Shelving, acknowledge, arrive, resolve, shelve
from alerts.asking import answered
from alerts.book import Book
from alerts.decide import decide
from alerts.downlink import Word, commands
from alerts.episode import Episode
from alerts.escalate import RESIDENT, Policy, advance
from alerts.event import EpisodeEvent, Event, Outcome, QuietEvent, Released, Resolved, State
from alerts.notification import notify, text
from alerts.records import dump_event, load_event
from devices.observation import Observation, Quality
from devices.reading import TimeSource
from devices.registry import Device, Registry
from rules.configuration import load
from rules.decision import Change, Decision, Severity
from rules.kinds import KINDS
from tests.alerts.decisions import HOME, decision

NOW = 1_790_000_000_000
ASK_MS = 20_000
WATCH = Device("watch", resident="wang", site="s1", downlink=True)
REGISTRY = Registry.of(
    places=list(HOME.places.values()),
    residents=list(HOME.residents.values()),
    devices=[
        *HOME.devices.values(),
        WATCH,
        Device("watch-of-li", resident="li", site="s1"),
        Device("lamp", place="r301", site="s1", downlink=True),
    ],
)
POLICY = Policy(REGISTRY)


def exit_at(now: int, kind: str = "bed_exit", severity: Severity = Severity.MEDIUM) -> Decision:
    return replace(decision(f"{kind}|{now}", rule=kind, severity=severity, at=now), ask_ms=ASK_MS)


def said(
    metric: str = "help_cancelled",
    at: int = NOW + 5_000,
    device: str = "watch",
    heard: int = 0,
    **more: object,
) -> Observation:
    seen = Observation(
        device=device,
        metric=metric,
        value=True,
        at=at,
        received_at=heard or at,
        at_source=TimeSource.DEVICE,
        site="s1",
    )
    return seen._replace(**more)


def applied(book: Book, events: list[Event]) -> list[tuple[EpisodeEvent, Episode]]:
    return [(event, book.apply(event)) for event in events if not isinstance(event, QuietEvent)]


def asking(book: Book, now: int = NOW, kind: str = "bed_exit") -> Episode:
    ((_, episode),) = applied(book, decide(book, exit_at(now, kind), now, "s1", askable=True))
    assert episode.state is State.ASKING
    return episode


def passed(book: Book, episode: str, now: int) -> Episode:
    found = book.get(episode)
    assert found is not None
    while event := advance(found, POLICY, now):
        found = book.apply(event)
    return found


def test_she_is_asked_and_nobody_is_called_until_her_time_is_over() -> None:
    book = Book()
    episode = asking(book)
    assert (episode.ask_until, episode.call) == (NOW + ASK_MS, None)
    assert passed(book, episode.id, NOW + ASK_MS - 1).state is State.ASKING
    called = passed(book, episode.id, NOW + ASK_MS)
    assert called.state is State.OPEN
    assert called.call is not None


def test_what_people_hear_of_it_first_is_what_it_is() -> None:
    book = Book()
    episode = asking(book)
    event = Released(episode.id, 2, NOW + ASK_MS, "")
    released = book.apply(event)
    note = notify(released, event)
    assert note is not None
    assert note.calls
    assert "暂缓" not in text(released, note, REGISTRY)["zh-CN"]


@pytest.mark.parametrize("metric", ["help_cancelled", "check_in"])
def test_all_is_well_resolves_it_by_herself(metric: str) -> None:
    book = Book()
    episode = asking(book)
    (event,) = answered(book, REGISTRY, said(metric), NOW + 5_000)
    assert isinstance(event, Resolved)
    assert (event.by, event.source, event.outcome) == ("wang", RESIDENT, Outcome.NO_ACTION)
    assert book.apply(event).state is State.RESOLVED
    assert answered(book, REGISTRY, said(metric), NOW + 5_000) == [], "the same answer again"
    assert passed(book, episode.id, NOW + ASK_MS).state is State.RESOLVED


@pytest.mark.parametrize(
    "answer",
    [
        said("sos"),
        said("button_press"),
        said(device="lamp"),
        said(device="unknown"),
        said(device="watch-of-li"),
        said(value=False),
        said(late=True),
        said(quality=Quality.STALE),
        said(at=NOW + ASK_MS),
        said(at=NOW - 60_000, heard=NOW + 5_000),
        said(at=NOW - 1),  # of something before, and heard before she was asked
        said(at=NOW - 1, at_source=TimeSource.ARRIVAL),
    ],
    ids=lambda one: f"{one.metric}-{one.device}-{one.at - NOW}",
)
def test_nothing_else_is_her_answer(answer: Observation) -> None:
    book = Book()
    asking(book)
    assert answered(book, REGISTRY, answer, max(NOW, answer.received_at)) == []


def test_an_answer_closes_nothing_that_people_were_called_for() -> None:
    book = Book()
    episode = asking(book)
    passed(book, episode.id, NOW + ASK_MS)
    assert answered(book, REGISTRY, said(at=NOW + ASK_MS - 1, heard=NOW + ASK_MS), NOW + ASK_MS) == []
    (event,) = decide(book, decision("k", rule="sos", subject="li", at=NOW), NOW, "s1")
    applied(book, [event])
    assert answered(book, REGISTRY, said(device="watch"), NOW + 5_000) == []


def test_who_cannot_be_asked_is_not() -> None:
    book = Book()
    ((_, episode),) = applied(book, decide(book, exit_at(NOW), NOW, "s1", askable=False))
    assert (episode.state, episode.ask_until) == (State.OPEN, 0)
    assert episode.call is not None


@pytest.mark.parametrize("kind", ["sos", "fall", "long_lie"])
def test_what_is_about_life_is_never_asked_about(kind: str) -> None:
    book = Book()
    ((_, episode),) = applied(book, decide(book, exit_at(NOW, kind), NOW, "s1", askable=True))
    assert episode.state is State.OPEN


def test_a_sign_of_an_emergency_that_people_are_called_for_joins_it_unasked() -> None:
    book = Book()
    applied(book, decide(book, decision("k", rule="sos", at=NOW), NOW, "s1"))
    ((_, episode),) = applied(book, decide(book, exit_at(NOW + 1), NOW + 1, "s1", askable=True))
    assert episode.state is State.OPEN
    assert len(book.unresolved()) == 1


@pytest.mark.parametrize("kind", ["sos", "fall", "vitals", "inactivity"])
def test_any_other_sign_ends_the_asking_and_calls(kind: str) -> None:
    book = Book()
    episode = asking(book)
    later = decision("k2", rule=kind, severity=Severity.HIGH, at=NOW + 1)
    ((_, became),) = applied(book, decide(book, later, NOW + 1, "s1", askable=True))
    assert (became.id, became.state) == (episode.id, State.OPEN)
    assert became.call is not None


def test_the_same_again_goes_on_asking_and_worse_calls() -> None:
    book = Book()
    episode = asking(book)
    ((_, same),) = applied(book, decide(book, exit_at(NOW + 1), NOW + 1, "s1", askable=True))
    assert (same.state, same.ask_until) == (State.ASKING, episode.ask_until)
    worse = exit_at(NOW + 2, severity=Severity.HIGH)
    ((_, became),) = applied(book, decide(book, worse, NOW + 2, "s1", askable=True))
    assert became.state is State.OPEN


def test_back_to_normal_in_time_calls_nobody() -> None:
    book = Book()
    episode = asking(book)
    back = replace(exit_at(NOW + 3), change=Change.CLEAR)
    applied(book, decide(book, back, NOW + 3, "s1"))
    over = passed(book, episode.id, NOW + ASK_MS)
    assert (over.state, over.resolved_by) == (State.RESOLVED, "wang")


@given(st.lists(st.sampled_from(["same", "back", "cancel", "sos", "press-li", "wait"]), max_size=12))
def test_every_asking_ends_in_her_answer_or_a_call_and_a_restart_changes_nothing(steps: list[str]) -> None:
    events: list[Event] = []
    book = Book()
    now = NOW
    first = decide(book, exit_at(now), now, "s1", askable=True)
    events += first
    ((_, episode),) = applied(book, first)
    pressed = False
    for step in steps:
        now += 1_000
        followed: list[Event] = []
        match step:
            case "same":
                followed = decide(book, exit_at(now), now, "s1", askable=True)
            case "back":
                followed = decide(book, replace(exit_at(now), change=Change.CLEAR), now, "s1")
            case "cancel":
                followed = answered(book, REGISTRY, said(at=now), now)
            case "sos":
                pressed = pressed or book.open_for("bed_exit", "wang") is not None
                followed = decide(book, decision(f"s{now}", rule="sos", at=now), now, "s1")
            case "press-li":
                followed = decide(book, decision(f"s{now}", rule="sos", subject="li", at=now), now, "s1")
        applied(book, followed)
        events += followed
    now += ASK_MS
    again = Book.of([load_event(dump_event(event)) for event in events])
    for one in (book, again):
        for each in list(one.unresolved()):
            ended = passed(one, each.id, now)
            assert ended.state is not State.ASKING
            if pressed and ended.id == episode.id:
                assert ended.state is State.OPEN, "a press during the asking calls"
    assert sorted(e.id for e in book.unresolved()) == sorted(e.id for e in again.unresolved())


def test_her_device_is_told_what_is_asked_that_her_call_was_taken_and_who_comes() -> None:
    book = Book()
    ((event, episode),) = applied(book, decide(book, exit_at(NOW), NOW, "s1", askable=True))
    (ask,) = commands(REGISTRY, episode, event)
    assert ask.topic == "shouwang/v1/s1/watch/command"
    assert orjson.loads(ask.payload()) == {
        "command": "ask",
        "id": episode.id,
        "until": NOW + ASK_MS,
        "text": {
            "zh-CN": "您还好吗？没事请按“取消”，否则将通知工作人员",
            "en": "Are you all right? Press cancel if so; else staff will be called",
        },
    }
    ((event, episode),) = applied(book, decide(book, decision("k", rule="sos", at=NOW), NOW, "s1"))
    assert [one.word for one in commands(REGISTRY, episode, event)] == [Word.PLACED]
    ((event, other),) = applied(
        book, decide(book, decision("k9", rule="sos", subject="li", at=NOW), NOW, "s1")
    )
    assert list(commands(REGISTRY, other, event)) == [], "she has nothing that shows it"


@pytest.mark.parametrize(
    ("ending", "word"),
    [
        ("worse", Word.PLACED),
        ("time", Word.PLACED),
        ("acknowledged", Word.TAKEN),
        ("arrived", Word.TAKEN),
        ("resolved", Word.END),
        ("shelved", Word.END),
        ("same", None),
    ],
)
def test_her_screen_shows_no_question_that_is_none_any_more(ending: str, word: Word | None) -> None:
    """Whoever answers it all the same would think that nobody comes."""
    book = Book()
    episode = asking(book)
    now = NOW + 1
    match ending:
        case "worse":
            events = decide(book, exit_at(now, severity=Severity.HIGH), now, "s1")
        case "time":
            events = [Released(episode.id, 2, NOW + ASK_MS, "")]
        case "acknowledged":
            events = acted(acknowledge(book, episode.id, "chen", now))
        case "arrived":
            events = acted(arrive(book, episode.id, "chen", now))
        case "resolved":
            events = acted(resolve(book, episode.id, "chen", "false", "", now))
        case "shelved":
            asked = Shelving(rule="bed_exit", subject="wang", for_ms=60_000, by="chen", reason="up to wash")
            book.apply(acted(shelve(book, asked, KINDS["bed_exit"], REGISTRY, now))[0])
            events = decide(book, exit_at(now), now, "s1")
        case _:
            events = decide(book, exit_at(now), now, "s1")
    ((event, after),) = applied(book, events)
    found = [one.word for one in commands(REGISTRY, after, event, asked=True)]
    assert found == ([word] if word else [])


def test_what_concerns_two_is_told_to_neither_s_device() -> None:
    book = Book()
    for who in ("wang", "li"):
        seen = decision(f"k-{who}", rule="smoke", subject=who, cause="smoke:r301", at=NOW)
        ((event, episode),) = applied(book, decide(book, seen, NOW, "s1"))
        assert bool(list(commands(REGISTRY, episode, event))) == (who == "wang")


def acted(followed: list[Event] | Refused) -> list[Event]:
    assert not isinstance(followed, Refused), followed
    return followed


def test_r11_the_button_of_a_room_is_told_that_its_call_was_taken_and_what_came_of_it() -> None:
    book = Book()
    press = decision("k", rule="sos", subject="r301", at=NOW, device="lamp")
    ((event, episode),) = applied(book, decide(book, press, NOW, "s1"))
    assert [(one.device, one.word) for one in commands(REGISTRY, episode, event)] == [("lamp", Word.PLACED)]
    other = decision("k", rule="sos", subject="kitchen", at=NOW, device="button-1")
    ((event, episode),) = applied(book, decide(book, other, NOW, "s1"))
    assert list(commands(REGISTRY, episode, event)) == [], "it can show nothing"


def test_the_rule_file_says_who_is_asked_and_never_of_life() -> None:
    good = load('[[rule]]\nid = "b"\nkind = "bed_exit"\nask = "20s"\n')
    assert not isinstance(good, list)
    for kind, more in (
        ("sos", ""),
        ("fall", ""),
        ("environment", ""),
        ("vitals", 'metric = "heart_rate"\nhigh = 120\n'),
        ("wandering", ""),
    ):
        problems = load(f'[[rule]]\nid = "x"\nkind = "{kind}"\n{more}ask = "20s"\n')
        assert isinstance(problems, list), kind
        assert any("ask" in str(one) for one in problems), problems
    for wrong in ('"1s"', '"10min"', "true"):
        assert isinstance(load(f'[[rule]]\nid = "b"\nkind = "bed_exit"\nask = {wrong}\n'), list)
    for condition, good_one in (
        ("room_temperature < 16", True),
        ("heart_rate > 180", False),
        ("spo2 < 85 && motion == false", False),
        ("smoke", False),
    ):
        text = f'[[rule]]\nid = "e"\nkind = "expression"\ncondition = "{condition}"\n'
        assert not isinstance(load(text), list), condition
        assert isinstance(load(text + 'ask = "20s"\n'), list) is not good_one, condition
    rounds = '[[rule]]\nid = "r"\nkind = "missed_check"\ncheck = "visit"\nevery = "2h"\nask = "20s"\n'
    assert isinstance(load(rounds), list)


def test_a_clock_that_is_put_back_ends_the_asking() -> None:
    book = Book()
    episode = asking(book)
    assert passed(book, episode.id, NOW - 1_000).state is State.ASKING
    assert passed(book, episode.id, NOW - 3_600_000).state is State.OPEN
