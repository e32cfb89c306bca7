"""Laws of a whole replay, from messages to alerts, with the default rules."""

from dataclasses import replace

import orjson
from hypothesis import given
from hypothesis import strategies as st

from devices.message import Message
from devices.metrics import METRICS, Kind
from devices.observation import Observation
from ingest.replay import Moment, Recording, Trial
from rules.configuration import default
from tests.rules.flats import HOME, NOW, histories
from tests.rules.home import DAY, HOUR

RULES = default()
END = NOW + 4 * DAY


def message(one: Observation) -> Message:
    """How a native device would have said it."""
    event = METRICS[one.metric].kind is Kind.EVENT
    said: dict[str, object] = {"event": one.metric} if event else {one.metric: one.value}
    channel = "event" if event else "telemetry"
    payload = orjson.dumps({"ts": one.at, "id": one.key, **said})
    return Message(f"shouwang/v1/home-1/{one.device}/{channel}", payload, one.received_at)


def replayed(messages: list[Message]) -> list[tuple[str, str, int, object]]:
    """The events that follow, without the time of our clock at which they were noticed."""
    recording, trial = Recording(HOME, "home-1"), Trial(RULES, HOME, "home-1", begin=NOW)
    happenings = [happening for one in messages for happening in recording.happenings(one)]
    events = [event for happening in [*happenings, Moment(END)] for event, _ in trial.take(happening)]
    return [(event.name, event.episode, event.number, getattr(event, "evidence", None)) for event in events]


@given(histories(most=15), st.data())
def test_r93_duplicates_change_nothing(history: list[Observation], data: st.DataObject) -> None:
    """Every message may come again, at once or hours later, as brokers and radios repeat them."""
    once = [message(one) for one in history]
    delays = data.draw(st.lists(st.none() | st.integers(0, 6 * HOUR), min_size=len(once), max_size=len(once)))
    again = [
        replace(one, received_at=one.received_at + delay, dup=delay % 2 == 1)
        for one, delay in zip(once, delays, strict=True)
        if delay is not None
    ]
    assert replayed(sorted([*once, *again], key=lambda one: one.received_at)) == replayed(once)
