"""What corridor buttons and readers say to alerts."""

import pytest

from alerts.acts import acknowledge, arrive
from alerts.book import Book
from alerts.decide import decide
from alerts.signals import CLOCK_MS, Signal, Verb, signals
from devices.observation import Observation
from devices.registry import Device, Registry
from tests.alerts.decisions import HOME, decision

HOUSE = Registry.of(
    HOME.places.values(),
    HOME.residents.values(),
    [
        *HOME.devices.values(),
        Device("corridor", place="s1", site="s1"),
        Device("reader", place="r301", site="s1"),
    ],
)
PRESS = Observation("corridor", "acknowledge", True, 5_000, 5_000, site="s1", place="s1", by="s-07")
SEEN = Observation("reader", "staff_present", True, 5_000, 5_000, site="s1", place="r301", by="s-07")


def book(*decisions: object) -> Book:
    made = Book()
    for one in decisions or (decision("k0"), decision("k1", rule="fall", subject="li")):
        for event in decide(made, one, 1_000):  # type: ignore[arg-type]
            made.apply(event)  # type: ignore[call-overload]
    return made


def test_a_corridor_button_takes_charge_of_what_is_open_there() -> None:
    found = list(signals(book(), HOUSE, PRESS))
    assert [(one.verb, one.by, one.source) for one in found] == [
        (Verb.ACKNOWLEDGE, "s-07", "mqtt:corridor")
    ] * 2
    nameless = list(signals(book(), HOUSE, replace_observation(by="")))
    assert {one.by for one in nameless} == {"device:corridor"}


def test_a_pager_names_the_alert() -> None:
    standing = book()
    (first, _) = standing.unresolved()
    found = list(signals(standing, HOUSE, replace_observation(detail=first.id)))
    assert found == [Signal(first.id, Verb.ACKNOWLEDGE, "s-07", "mqtt:corridor")]
    assert list(signals(standing, HOUSE, replace_observation(detail="none"))) == []


def replace_observation(**more: object) -> Observation:
    return PRESS._replace(**more)


@pytest.mark.parametrize(
    "said",
    [
        PRESS._replace(device="stranger"),
        PRESS._replace(device="button-1", place="b1"),
        PRESS._replace(late=True),
        PRESS._replace(at=1_000 - CLOCK_MS - 1),
        PRESS._replace(place="kitchen"),
        PRESS._replace(metric="button_press"),
        SEEN._replace(value=False),
    ],
)
def test_what_is_none_of_theirs_does_nothing(said: Observation) -> None:
    assert list(signals(book(), HOUSE, said)) == []


def test_whoever_is_seen_at_the_room_is_on_site_once() -> None:
    standing = book(decision("k0"))
    (alert,) = standing.unresolved()
    for event in acknowledge(standing, alert.id, "s-01", 2_000):
        standing.apply(event)  # type: ignore[call-overload]
    (signal,) = signals(standing, HOUSE, SEEN)
    assert signal == Signal(alert.id, Verb.ARRIVE, "s-07", "mqtt:reader")
    for event in arrive(standing, signal.alert, signal.by, 5_000):
        standing.apply(event)  # type: ignore[call-overload]
    assert list(signals(standing, HOUSE, SEEN)) == []


def test_who_took_charge_is_not_replaced_by_a_button() -> None:
    standing = book(decision("k0"))
    (alert,) = standing.unresolved()
    for event in acknowledge(standing, alert.id, "s-01", 2_000):
        standing.apply(event)  # type: ignore[call-overload]
    assert list(signals(standing, HOUSE, PRESS)) == []
