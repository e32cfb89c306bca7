"""A fall that was felt is a message of ours: decided, stored, and the same after any crash."""

from pathlib import Path

import pytest

from devices.message import Message
from devices.ourselves import MOTION_TOPIC
from tests.falls.bodies import fall, walk
from tests.ingest.works import SITE, T0, Works, message, works

AT_S, LENGTH_S = 8, 14


def windows(device: str = "d1", signal_of: str = "fall", **about: object) -> list[Message]:
    """One window a second, each sent when its last sample was taken."""
    a = fall(AT_S, LENGTH_S) if signal_of == "fall" else walk(LENGTH_S)
    return [
        message(
            "motion",
            {
                "ts": T0 + second * 1000,
                "fs": 50,
                "position": "wrist",
                "xyz": a[second * 50 : second * 50 + 50].round(4).tolist(),
                **about,
            },
            device,
            T0 + second * 1000 + 1000,
        )
        for second in range(LENGTH_S)
    ]


async def heard(at_work: Works, *messages: Message) -> None:
    """What the service does: takes messages, and what is found in them."""
    for one in messages:
        at_work.clock.time = max(at_work.clock.time, one.received_at)
        await at_work.take(one)
        at_work.pipeline.drain()
        await found(at_work)


async def found(at_work: Works) -> None:
    calls, at_work.felt[:] = at_work.felt[:], []
    await at_work.take(*calls)
    at_work.pipeline.drain()


async def test_a_fall_is_felt_decided_and_stored(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        await heard(at_work, *windows())
        (decision,) = at_work.decided
        assert (decision.kind, decision.subject, decision.severity) == ("fall", "ann", "high")
        assert abs(decision.evidence.at - T0 - AT_S * 1000) < 100
        assert decision.at <= T0 + (AT_S + 4) * 1000
        assert "impact 5.4 g" in decision.evidence.detail
        (observation,) = [o for entry in await at_work.stored() for o in entry.observations]
        assert (observation.device, observation.metric, observation.resident) == ("d1", "fall", "ann")
        assert observation.confidence is not None
        assert observation.confidence > 0.5


async def test_somebody_who_walks_calls_nobody(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        await heard(at_work, *windows(signal_of="walk"))
        at_work.pipeline.tick(T0 + 1_000_000)
        assert not at_work.felt
        assert at_work.metrics.registry.get_sample_value("shouwang_motion_windows_total") == LENGTH_S


@pytest.mark.parametrize("crash_after", range(AT_S - 1, LENGTH_S))
@pytest.mark.parametrize("saved", [False, True])
async def test_a_crash_at_any_window_changes_nothing(tmp_path: Path, crash_after: int, saved: bool) -> None:
    with works(tmp_path) as at_work:
        sent = windows()
        await heard(at_work, *sent[:crash_after])
        if saved:
            await at_work.pipeline.save()
        at_work.crash()
        await found(at_work)
        await heard(at_work, *sent[crash_after:])
        assert len({decision.evidence.key for decision in at_work.decided}) == 1
        await at_work.pipeline.save()
        fates = at_work.fates()
        at_work.crash()
        await found(at_work)  # felt again: a repeat
        assert at_work.fates().get("observed") == fates["observed"]


async def test_what_was_felt_but_not_yet_recorded_when_we_died_is_found_again(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        for one in windows()[: AT_S + 3]:
            at_work.clock.time = one.received_at
            await at_work.take(one)
            at_work.pipeline.drain()
        assert len(at_work.felt) == 1
        lost = at_work.felt[0]
        await at_work.pipeline.save()  # all windows are done with; the fall is in nobody's journal
        at_work.felt.clear()
        at_work.crash()
        assert [one.payload for one in at_work.felt] == [lost.payload]
        await found(at_work)
        assert [decision.kind for decision in at_work.decided] == ["fall"]


async def test_a_watch_that_falls_silent_after_the_impact_is_judged(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        await heard(at_work, *windows()[: AT_S + 1])
        assert not at_work.decided
        at_work.clock.time = T0 + (AT_S + 9) * 1000
        at_work.pipeline.tick(at_work.clock.time)
        await found(at_work)
        assert [decision.kind for decision in at_work.decided] == ["fall"]


async def test_a_fall_of_nobody_known_is_called_too(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        await heard(at_work, *windows("stranger"))
        assert [decision.subject for decision in at_work.decided] == [f"device:{SITE}/stranger"]


async def test_nobody_outside_can_say_it(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        payloads = [b"", b"{}", b"[]", b'{"site": 1, "device": 2, "said": 3}']
        await at_work.take(*(Message(MOTION_TOPIC, payload, T0) for payload in payloads))
        at_work.pipeline.drain()
        assert at_work.fates() == {"quarantined": len(payloads)}, "a bug of ours is kept, and stops nobody"
