"""What corridor buttons, pagers and readers say to alerts."""

import pytest

from alerts.acts import Refusal, Refused, acknowledge
from alerts.book import Book
from alerts.decide import decide
from alerts.event import Acknowledged, Arrived, Outcome, QuietEvent, Resolved
from alerts.signals import BUTTON, CLOCK_MS, Signal, Verb, done, signals
from devices.observation import Observation, Quality
from devices.reading import TimeSource
from devices.registry import Device, Registry
from rules.decision import Decision
from tests.alerts.decisions import HOME, decision

HOUSE = Registry.of(
    HOME.places.values(),
    HOME.residents.values(),
    [
        *HOME.devices.values(),
        Device("corridor", place="s1", site="s1"),
        Device("plain", BUTTON, place="r301", site="s1"),
        Device("reader", place="r301", site="s1"),
        Device("bedside", place="b1", site="s1"),
        Device("tag", resident="wang", site="s1"),
        Device("watch", resident="wang", site="s1", calls=True),
        Device("scanner", site="s1"),
    ],
)
AT = 5_000


def said(metric: str, device: str, place: str = "", by: str = "s-07", **more: object) -> Observation:
    made = Observation(device, metric, True, AT, AT, site="s1", place=place, by=by)
    return made._replace(**more)


PRESS = said("acknowledge", "corridor", "s1")
SEEN = said("staff_present", "reader", "r301")


def book(*decisions: Decision) -> Book:
    made = Book()
    for one in decisions or (decision("k0"), decision("k1", rule="fall", subject="li")):
        take(made, decide(made, one, 1_000))
    return made


def take(book: Book, events: object) -> None:
    assert isinstance(events, list), events
    for event in events:
        assert not isinstance(event, QuietEvent)
        book.apply(event)


def found(book: Book, observation: Observation) -> list[Signal]:
    return list(signals(book, HOUSE, observation))


def test_a_corridor_button_takes_charge_of_what_is_open_there() -> None:
    acts = found(book(), PRESS)
    assert [(one.verb, one.by, one.source) for one in acts] == [
        (Verb.ACKNOWLEDGE, "s-07", "mqtt:corridor")
    ] * 2
    assert {one.by for one in found(book(), PRESS._replace(by=""))} == {"device:corridor"}


def test_an_ordinary_button_registered_for_it_takes_charge_with_every_press() -> None:
    assert len(found(book(), said("button_press", "plain", "r301", by="", detail="double"))) == 2
    assert not found(book(), said("button_press", "corridor", "s1", by=""))


def test_a_button_does_not_take_charge_of_what_concerns_others_too() -> None:
    """One gateway is lost, and with it a resident of this room and a room elsewhere."""
    lost = {"rule": "unprotected", "cause": "gateway:g"}
    standing = book(
        decision("k0", **lost, subject="wang"),  # type: ignore[arg-type]
        decision("k1", **lost, subject="kitchen"),  # type: ignore[arg-type]
    )
    press = said("button_press", "plain", "r301")
    assert not found(standing, press)
    assert len(found(standing, PRESS)) == 1
    assert not found(standing, SEEN)


def test_a_pager_names_the_alert() -> None:
    standing = book()
    (first, _) = standing.unresolved()
    named = PRESS._replace(device="scanner", place="", detail=first.id)
    assert found(standing, named) == [
        Signal(first.id, Verb.ACKNOWLEDGE, "s-07", "mqtt:scanner", first.called)
    ]
    assert not found(standing, named._replace(detail="none"))
    (arrival,) = found(standing, named._replace(metric="arrive"))
    (event,) = done(standing, arrival, 6_000)  # type: ignore[misc]
    assert isinstance(event, Arrived)
    (end,) = found(standing, named._replace(metric="resolve", value="false"))
    (event,) = done(standing, end, 6_000)  # type: ignore[misc]
    assert isinstance(event, Resolved)
    assert (event.outcome, event.by, event.source) == (Outcome.FALSE, "s-07", "mqtt:scanner")
    assert not found(standing, named._replace(metric="resolve", value="false", by="")), "a person says so"
    assert not found(standing, PRESS._replace(metric="resolve", value="real")), "of one alert"


@pytest.mark.parametrize(
    "given",
    [
        PRESS._replace(device="stranger"),
        said("acknowledge", "button-1", "b1"),
        said("acknowledge", "tag", "b1"),
        said("staff_present", "watch", "b1"),
        PRESS._replace(late=True),
        PRESS._replace(quality=Quality.STALE),
        PRESS._replace(place="kitchen"),
        PRESS._replace(metric="sos"),
        SEEN._replace(value=False),
        SEEN._replace(metric="visit", by=""),
        said("staff_present", "corridor", "s1"),
        said("arrive", "corridor", "s1"),
    ],
)
def test_what_is_none_of_theirs_does_nothing(given: Observation) -> None:
    assert not found(book(), given)


@pytest.mark.parametrize(
    "given",
    [
        PRESS._replace(at=1_000 - CLOCK_MS - 1),
        PRESS._replace(received_at=999),
        PRESS._replace(at=999, received_at=999, at_source=TimeSource.ARRIVAL),
    ],
)
def test_a_press_before_the_newest_call_is_refused_and_says_why(given: Observation) -> None:
    standing = book(decision("k0"))
    (signal,) = found(standing, given)
    refused = done(standing, signal, 6_000)
    assert isinstance(refused, Refused)
    assert refused.why is Refusal.FRESH_EVIDENCE


def test_a_press_told_again_after_a_new_call_takes_charge_of_nothing() -> None:
    """As a replay of the journal does after a crash."""
    standing = book(decision("k0"))
    (signal,) = found(standing, PRESS)
    take(standing, done(standing, signal, AT))
    take(standing, decide(standing, decision("k2", at=AT + 1), AT + 1))
    (again,) = found(standing, PRESS)
    assert isinstance(done(standing, again, AT + 2), Refused)


@pytest.mark.parametrize("metric", ["staff_present", "visit", "arrive"])
@pytest.mark.parametrize(("device", "place"), [("reader", "r301"), ("bedside", "b1"), ("tag", "b1")])
def test_whoever_is_seen_at_the_room_is_on_site_once(metric: str, device: str, place: str) -> None:
    standing = book(decision("k0"))
    (alert,) = standing.unresolved()
    take(standing, acknowledge(standing, alert.id, "s-01", 2_000))
    seen = said(metric, device, place, resident="wang" if device == "tag" else "")
    (signal,) = found(standing, seen)
    assert signal == Signal(alert.id, Verb.ARRIVE, "s-07", f"mqtt:{device}", 1)
    take(standing, done(standing, signal, AT))
    assert not found(standing, seen)


def test_who_is_seen_with_one_is_not_with_the_other() -> None:
    standing = book(decision("k0", subject="li"))
    assert not found(standing, said("staff_present", "bedside", "b1"))
    assert not found(standing, said("visit", "scanner", "r301", resident="wang"))
    assert len(found(standing, said("visit", "scanner", "b2", resident="li"))) == 1


def test_who_took_charge_is_not_replaced_by_a_button() -> None:
    standing = book(decision("k0"))
    (alert,) = standing.unresolved()
    (event,) = acknowledge(standing, alert.id, "s-01", 2_000)  # type: ignore[misc]
    assert isinstance(event, Acknowledged)
    take(standing, [event])
    assert not found(standing, PRESS)
