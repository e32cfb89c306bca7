"""The same act, by whatever ways it comes, is one; what is about life is closed by who was there."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from alerts.acts import Refusal, Refused, acknowledge, arrive, resolve
from alerts.book import Book
from alerts.decide import decide
from alerts.escalate import Policy, advance
from alerts.event import Acknowledged, Arrived, Event, Opened, QuietEvent, Resolved
from tests.alerts.decisions import HOME, decision

WAYS = st.sampled_from(("api", "cli", "console", "mqtt:corridor", "link:sms", "reply:sms", "voice:phone"))
PEOPLE = st.sampled_from(("s-1", "s-2", "s-3"))
STEPS = st.one_of(
    st.tuples(st.sampled_from(("acknowledge", "arrive")), PEOPLE, WAYS),
    st.just(("press", "", "")),
    st.just(("wait", "", "")),
)


def take(book: Book, events: list[Event] | Refused) -> list[Event]:
    assert not isinstance(events, Refused), events
    for event in events:
        assert not isinstance(event, QuietEvent)
        book.apply(event)
    return events


def alert(book: Book, now: int = 1_000, rule: str = "sos", key: str = "k0") -> str:
    (opened,) = take(book, decide(book, decision(key, rule=rule, at=now), now, "s1"))
    assert isinstance(opened, Opened)
    return opened.episode


@given(st.lists(STEPS, max_size=30))
def test_each_person_takes_charge_once_of_each_call(steps: list[tuple[str, str, str]]) -> None:
    book, now = Book(), 1_000
    about = alert(book)
    taken: Counter[tuple[str, str, int]] = Counter()
    for count, (what, by, way) in enumerate(steps):
        now += 1
        if what == "press":
            take(book, decide(book, decision(f"press-{count}", at=now), now, "s1"))
        elif what == "wait":
            now += 300_000
            while (found := book.get(about)) and (event := advance(found, Policy(HOME), now)):
                book.apply(event)
        else:
            standing = book.get(about)
            assert standing is not None
            called = standing.called
            act = acknowledge if what == "acknowledge" else arrive
            for event in take(book, act(book, about, by, now, way, seen=called)):
                assert isinstance(event, (Acknowledged, Arrived))
                assert (event.by, event.at, event.source) == (by, now, way)
                taken[what, by, called] += 1
            after = book.get(about)
            assert after is not None
            assert by in (after.took if what == "acknowledge" else after.came)
    assert set(taken.values()) <= {1}


def test_what_was_told_before_takes_nothing_back_from_who_took_over() -> None:
    book = Book()
    about = alert(book)
    take(book, acknowledge(book, about, "s-1", 2_000, "link:sms"))
    take(book, acknowledge(book, about, "s-2", 3_000, "cli"))
    assert take(book, acknowledge(book, about, "s-1", 4_000, "voice:phone")) == []
    found = book.get(about)
    assert found is not None
    assert found.acknowledged_by == "s-2"


def closed(book: Book, about: str, voice_contact: str = "") -> list[Event] | Refused:
    return resolve(
        book, about, "s-1", "real", "", 9_000, "api", voice_contact=voice_contact, needs_presence=True
    )


def test_what_is_about_life_is_closed_by_who_was_there_since_the_last_call() -> None:
    book = Book()
    about = alert(book)
    take(book, acknowledge(book, about, "s-1", 2_000))
    refused = closed(book, about)
    assert isinstance(refused, Refused)
    assert refused.why is Refusal.NOBODY_THERE
    take(book, arrive(book, about, "s-2", 3_000))
    take(book, decide(book, decision("again", at=4_000), 4_000, "s1"))
    assert isinstance(closed(book, about), Refused), "she pressed again since"
    take(book, arrive(book, about, "s-2", 5_000))
    (event,) = take(book, closed(book, about))
    assert isinstance(event, Resolved)
    assert take(book, closed(book, about)) == []


def test_a_conversation_that_took_place_closes_it_too_and_is_on_record() -> None:
    book = Book()
    about = alert(book)
    assert isinstance(closed(book, about, " "), Refused)
    (event,) = take(book, closed(book, about, "call-17"))
    assert isinstance(event, Resolved)
    assert event.voice_contact == "call-17"


def test_what_is_not_about_life_is_closed_from_afar() -> None:
    book = Book()
    about = alert(book, rule="bed_exit")
    assert take(book, closed(book, about))
