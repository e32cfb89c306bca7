"""Records give back what was written, and refuse everything else."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.episode import Concern, Episode
from alerts.event import (
    Acknowledged,
    Cleared,
    Event,
    EvidenceAdded,
    Opened,
    Outcome,
    Released,
    Resolved,
    State,
    Suppressed,
    SuppressionEnded,
    Suspended,
    SuspensionBegun,
    SuspensionEnded,
)
from alerts.records import dump_episode, dump_event, load_episode, load_event
from rules.decision import Evidence

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INT = st.integers(-(2**53), 2**53)
FACTS = st.dictionaries(TEXT, st.one_of(TEXT, INT), max_size=3)
EVIDENCE = st.builds(Evidence, at=INT, received_at=INT, detail=TEXT, same_within_ms=INT)
QUIET = st.sampled_from([State.SHELVED, State.OUT_OF_SERVICE])
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Opened, number=INT, at=INT, evidence=EVIDENCE, facts=FACTS),
    st.builds(EvidenceAdded, number=INT, at=INT, evidence=EVIDENCE, facts=FACTS),
    st.builds(Cleared, number=INT, at=INT, evidence=EVIDENCE),
    st.builds(Acknowledged, number=INT, at=INT, source=TEXT, note=TEXT),
    st.builds(Resolved, number=INT, at=INT, source=TEXT, note=TEXT),
    st.builds(Suspended, number=INT, at=INT, state=QUIET),
    st.builds(Released, number=INT, at=INT),
    st.builds(SuspensionBegun, at=INT, until=INT, state=QUIET, by=TEXT, reason=TEXT, cause=TEXT),
    st.builds(SuspensionEnded, at=INT, by=TEXT),
    st.builds(Suppressed, at=INT, evidence=EVIDENCE, why=TEXT),
    st.builds(SuppressionEnded, at=INT),
)
EPISODES = st.builds(
    Episode,
    subjects=st.lists(st.builds(Concern, since=INT, last_at=INT, cleared_at=st.none() | INT), max_size=3).map(
        tuple
    ),
    opened_at=INT,
    raised_at=INT,
    last_evidence_at=INT,
    acknowledged_at=st.none() | INT,
    outcome=st.none() | st.sampled_from(Outcome),
    facts=FACTS,
)


@given(EVENTS)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    assert load_event(dump_event(event)) == event
    assert orjson.loads(dump_event(event))["event"] == event.name


@given(EPISODES)
def test_an_episode_comes_back_as_it_was(episode: Episode) -> None:
    assert load_episode(dump_episode(episode)) == episode


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"[]",
        b"{}",
        b'{"v":2,"event":"acknowledged","episode":"e","number":1,"at":1,"by":"Chen"}',
        b'{"v":1,"event":"vanished","episode":"e","number":1,"at":1,"by":"Chen"}',
        b'{"v":1,"event":"acknowledged","episode":"e","number":1,"at":1}',
        b'{"v":1,"event":"acknowledged","episode":"e","number":1,"at":1,"by":"Chen","more":1}',
        b'{"v":1,"event":"resolved","episode":"e","number":1,"at":1,"by":"Chen","outcome":"fine"}',
    ],
)
def test_anything_else_is_an_error(record: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_event(record)
    with pytest.raises(ValueError, match=r"."):
        load_episode(record)
