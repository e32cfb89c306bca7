"""What people write back: which words mean what, on which alert, and that nothing else means anything."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.acts import Refusal, acknowledge, arrive
from alerts.book import Book
from alerts.decide import decide
from alerts.episode import Episode
from alerts.people import Person
from alerts.replies import LONG, SHORT, Act, Answer, Reply, code, meant, parse, said, sender
from tests.alerts.decisions import HOME, decision

STAFF = [
    Person("s-01", addresses={"phone": "+86 138 0000 0001", "wecom": "ChenMei"}),
    Person("s-02", addresses={"phone": "13800000002"}),
    Person("s-03", addresses={"email": "13800000001"}),
    Person("s-04", addresses={"phone": "021-5555 1234"}),
    Person("s-05", addresses={"phone": "02155551234"}),
]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1", Reply(Act.ACKNOWLEDGE)),
        (" １。", Reply(Act.ACKNOWLEDGE)),
        ("ack 7qk2", Reply(Act.ACKNOWLEDGE, "", "7QK2")),
        ("7QK2", Reply(Act.ACKNOWLEDGE, "", "7QK2")),
        ("7QK2，收到", Reply(Act.ACKNOWLEDGE, "", "7QK2")),
        ("接手", Reply(Act.ACKNOWLEDGE)),
        ("2", Reply(Act.ARRIVE)),
        ("到场 7QK2AB", Reply(Act.ARRIVE, "", "7QK2AB")),
        ("3", Reply(Act.RESOLVE, "real")),
        ("误报", Reply(Act.RESOLVE, "false")),
        ("5 7QK2", Reply(Act.RESOLVE, "test", "7QK2")),
        ("6", Reply(Act.RESOLVE, "no_action")),
        ("9 7QK2", Reply(Act.TAKE_OVER, "", "7QK2")),
        ("？", Reply(Act.LIST)),
    ],
)
def test_words_and_codes_in_any_order_and_width(text: str, meaning: Reply) -> None:
    assert parse(text) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "我去不了",
        "不收到",
        "no",
        "1 1",
        "1 2",
        "12",
        "7QK2 7QK3",
        "1 or 2",
        "not 1",
        "OK?",
        "0",
        "7Q K2",
    ],
)
def test_what_might_mean_something_else_means_nothing(text: str) -> None:
    assert parse(text) is None


@given(st.text(max_size=60))
def test_any_text_has_a_meaning_or_none(text: str) -> None:
    found = parse(text)
    assert found is None or found.act in set(Act)


@given(st.text(max_size=20), st.integers(0, 10_000))
def test_every_code_is_understood_as_one(alert: str, called: int) -> None:
    whole = code(alert, called)
    for length in (SHORT, LONG, len(whole)):
        assert parse(whole[:length].lower()) == Reply(Act.ACKNOWLEDGE, "", whole[:length])
    assert whole != code(alert, called + 1)


@pytest.mark.parametrize(
    ("address", "kinds", "person"),
    [
        ("+8613800000001", ["phone"], "s-01"),
        ("008613800000002", ["phone"], "s-02"),
        ("138 0000 0001", ["phone"], "s-01"),
        ("chenmei", ["wecom"], "s-01"),
        ("chenmei", ["phone"], None),
        ("13800000001", ["email"], "s-03"),
        ("13800000001", ["email", "phone"], None),  # two people's
        ("02155551234", ["phone"], None),  # two people's
        ("13800000009", ["phone"], None),
        ("", ["wecom", "phone"], None),
        (" ", ["fax"], None),
    ],
)
def test_an_address_is_one_person_s_or_nobody_s(address: str, kinds: list[str], person: str | None) -> None:
    found = sender(STAFF, kinds, address)
    assert (found.id if found else None) == person


def alerts(*subjects: str) -> tuple[Book, list[Episode]]:
    book = Book()
    for number, subject in enumerate(subjects):
        for event in decide(book, decision(f"k{number}", subject=subject), 1_000, "s1"):
            book.apply(event)  # type: ignore[call-overload]
    return book, book.unresolved()


def answer(book: Book, text: str, by: str, **sent: int) -> list[tuple[str, int]]:
    reply = parse(text)
    assert reply is not None
    found = meant(reply, book.unresolved(), lambda alert: sent.get(_who(book, alert), 0), by)
    return [(_who(book, one.episode.id), one.seen) for one in found]


def _who(book: Book, alert: str) -> str:
    episode = book.get(alert)
    assert episode is not None
    return episode.cause


def take(book: Book, who: str, by: str, act: object = acknowledge) -> None:
    episode = book.open_for("sos", who)
    assert episode is not None
    for event in act(book, episode.id, by, 2_000):  # type: ignore[operator]
        book.apply(event)


def test_a_bare_word_is_about_what_was_sent_to_the_one_who_writes() -> None:
    book, _ = alerts("wang", "li")
    assert answer(book, "1", "s-01") == []
    assert answer(book, "1", "s-01", wang=7) == [("wang", 7)]
    assert len(answer(book, "1", "s-01", wang=7, li=8)) == 2, "unclear"
    take(book, "wang", "s-01")
    assert answer(book, "1", "s-01", wang=7, li=8) == [("li", 8)], "of what is open"
    assert answer(book, "2", "s-01", wang=7, li=8) == [("wang", 1)], "of what she took"
    assert answer(book, "3", "s-01", wang=7, li=8) == [("wang", 1)]
    assert answer(book, "3", "s-02", wang=7, li=8) == [], "nobody closes what others hold without its code"
    assert answer(book, "2", "s-02", wang=7) == [("wang", 7)]
    assert answer(book, "9", "s-02", wang=7, li=8) == [("wang", 7)]
    take(book, "wang", "s-01", arrive)
    assert answer(book, "1", "s-01", wang=7) == [("wang", 1)], "told twice is no error"
    assert answer(book, "4", "s-01", wang=7, li=8) == [("wang", 1)]


def test_a_code_is_of_one_alert_and_its_newest_call() -> None:
    book, (first, second) = alerts("wang", "li")
    text = code(first.id, first.called)[:SHORT]
    assert answer(book, text, "s-01") == [("wang", first.called)]
    for other in "23456789":
        assert bool(answer(book, text[:3] + other, "s-01")) == (other == text[3]), "one letter is another's"
    for event in decide(book, decision("again", at=5_000), 5_000, "s1"):
        book.apply(event)  # type: ignore[call-overload]
    assert answer(book, text, "s-01") == []
    assert answer(book, f"3 {code(second.id, second.called)}", "s-01") == [("li", second.called)]


@pytest.mark.parametrize("what", [*Answer, Refusal.FRESH_EVIDENCE, Refusal.NOBODY_THERE, Refusal.BAD_OUTCOME])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_every_answer_is_in_both_languages_and_names_no_resident(what: Answer | Refusal, count: int) -> None:
    _, episodes = alerts("wang", "li")
    found = [replace(episodes[n % 2], id=f"{episodes[n % 2].id}{n}") for n in range(count)]
    texts = said(what, HOME, found, "7QK2")
    assert set(texts) == {"zh-CN", "en"}
    for text in texts.values():
        assert text
        assert "王秀英" not in text
        assert "{" not in text
        if what in {Answer.LISTED, Answer.UNCLEAR}:
            assert sum("301" in line for line in text.split("\n")) == min(count, 5)


def test_two_alerts_of_one_code_are_told_apart_by_longer_ones() -> None:
    _, (episode, _) = alerts("wang", "li")
    ids = (f"a{n}" for n in range(200_000))
    short: dict[str, str] = {}
    pair = next(
        (short[text], one) for one in ids if short.setdefault(text := code(one, 1)[:SHORT], one) != one
    )
    same = [replace(episode, id=one) for one in pair]
    texts = said(Answer.UNCLEAR, HOME, same)["en"].split("\n")[1:]
    assert [line.split()[0] for line in texts] == [code(one, 1)[:LONG] for one in pair]
    assert texts[0].split()[0] != texts[1].split()[0]
