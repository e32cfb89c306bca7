"""A fall that was felt is a message of ours: decided, stored, and the same after any crash."""

import asyncio
import contextlib
import sqlite3
from base64 import b64encode
from pathlib import Path

import pytest

from devices.message import Message
from devices.ourselves import AFTER_FALL, MOTION_TOPIC
from tests.deadline import eventually
from tests.falls.bodies import fall, walk
from tests.ingest.works import SITE, T0, Works, message, works

AT_S, LENGTH_S = 8, 14


def windows(
    device: str = "d1", signal_of: str = "fall", length_s: int = LENGTH_S, **about: object
) -> list[Message]:
    """One window a second, each sent when its last sample was taken."""
    a = fall(AT_S, length_s) if signal_of == "fall" else walk(length_s)
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
        for second in range(length_s)
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


async def test_r72_who_lies_still_is_called_for_sooner_and_the_fall_says_so(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        await heard(at_work, *windows(length_s=AT_S + 16))
        at_work.pipeline.tick(at_work.clock.time)
        said = [(one.kind, one.change, round((one.at - T0) / 1000) - AT_S) for one in at_work.decided]
        assert said[0][:2] == ("fall", "raise")
        assert said[1][:2] == ("fall", "note")
        assert at_work.decided[1].evidence.detail == AFTER_FALL[False]
        assert said[2] == ("long_lie", "raise", 11)


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


async def test_no_checkpoint_is_written_before_what_was_felt_is_in_the_journal(tmp_path: Path) -> None:
    with works(tmp_path) as at_work, contextlib.closing(sqlite3.connect(tmp_path / "journal.db")) as other:
        await heard(at_work, *windows()[: AT_S + 2])
        await at_work.take(windows()[AT_S + 2])
        other.execute("BEGIN IMMEDIATE")  # a disk that makes us wait
        at_work.pipeline.drain()
        (call,) = at_work.felt
        at_work.journal.append(call, urgent=True)
        saving = asyncio.create_task(at_work.pipeline.save())
        await asyncio.wait([saving], timeout=0.3)
        assert not saving.done()
        other.rollback()
        await saving
        assert call.payload in [entry.message.payload for entry in at_work.journal.read(0, 100)]


async def test_a_start_tells_nothing_that_was_told_before_it(tmp_path: Path) -> None:
    """Somebody who jumps, of whom half is known after a start, would seem to fall from standing."""
    with works(tmp_path) as at_work:
        await heard(at_work, *windows())
        assert len(at_work.decided) == 1
        await at_work.pipeline.save()
        at_work.crash()
        at_work.pipeline.tick(at_work.clock.time)
        assert not at_work.felt


@pytest.mark.parametrize("left", [0, 3])
async def test_a_journal_that_was_trimmed_hinders_no_start(tmp_path: Path, left: int) -> None:
    with works(tmp_path) as at_work:
        sent = windows()
        await heard(at_work, *sent[: AT_S + 1])
        await at_work.pipeline.save()
        saved = at_work.pipeline.saved
        await at_work.take(sent[AT_S + 1])
        at_work.journal.trim(saved - left, T0 + 10**9)
        await eventually(lambda: len(at_work.journal.read(0, 100)) == left + 1)
        assert at_work.crash() == 1
        assert [e.message for e in at_work.journal.read(0, 100)] == sent[AT_S + 1 - left : AT_S + 2]


async def test_a_window_of_ten_minutes_holds_nobody_up(tmp_path: Path) -> None:
    a = walk(580)
    a[-400:] = fall(3, 8)
    packed = b64encode((a * 1000).astype("<i2").tobytes()).decode()
    long = message("motion", {"ts": T0, "fs": 50, "scale": 0.001, "xyz_i16": packed}, at=T0 + 580_000)
    with works(tmp_path) as at_work:
        entries = await at_work.journalled(long)
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(at_work.pipeline.run())
            at_work.give(entries)
            for _ in range(6):  # turns of the loop
                await asyncio.sleep(0)
            assert at_work.pipeline.position == 1
            assert not at_work.felt, "most of it is yet to be looked at"
            await at_work.pipeline.save()
            assert len(at_work.felt) == 1
            running.cancel()


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


async def test_a_message_of_ours_that_makes_no_sense_stops_nobody(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        payloads = [b"", b"{}", b"[]", b'{"site": 1, "device": 2, "said": 3}']
        await at_work.take(*(Message(MOTION_TOPIC, payload, T0) for payload in payloads))
        at_work.pipeline.drain()
        assert at_work.fates() == {"quarantined": len(payloads)}, "a bug of ours is kept, and stops nobody"


async def test_a_window_that_was_felt_before_it_was_recorded_is_not_felt_again(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        sent = windows(ts=None)
        for one in sent:
            at_work.pipeline.feel(one)
        at_work.pipeline.drain()
        assert len(at_work.felt) == 1
        await heard(at_work, *sent)
        at_work.pipeline.tick(T0 + 20_000)
        assert not at_work.felt
        assert len(at_work.decided) == 1
        assert at_work.metrics.registry.get_sample_value("shouwang_motion_windows_total") == LENGTH_S


async def test_a_house_that_falls_silent_holds_nobody_up(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(at_work.pipeline.run())
            for number in range(40):
                await at_work.take(*windows(f"w{number}")[: AT_S + 1])
            await eventually(lambda: at_work.pipeline.position == 40 * (AT_S + 1))
            await at_work.pipeline.save()  # once all was looked at
            at_work.pipeline.tick(T0 + (AT_S + 20) * 1000)
            assert 0 < len(at_work.felt) < 10
            await eventually(lambda: len(at_work.felt) == 40)
            running.cancel()


async def test_a_device_that_is_given_up_is_counted(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        at_work.most_devices = 3
        at_work.crash()
        for number in range(5):
            await heard(at_work, windows(f"w{number}")[0])
        at_work.pipeline.tick(T0 + 2000)
        assert at_work.metrics.registry.get_sample_value("shouwang_motion_forgotten_total") == 2
