"""A fall that was felt is a message of ours: decided, stored, and the same after any crash."""

import asyncio
import contextlib
import sqlite3
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from devices.message import Message
from devices.ourselves import AFTER_FALL, MOTION_TOPIC
from ingest.feed import SLICE
from rules.falls.candidate import Samples
from rules.falls.model import Model, Stage, Verdict, default_models
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


async def heard(at_work: Works, *messages: Message, arriving: bool = False) -> None:
    """What the service does: takes messages, and what is found; `arriving`: looks at them before that."""
    for one in messages:
        at_work.clock.time = max(at_work.clock.time, one.received_at)
        if arriving:
            at_work.pipeline.feel(one)
        await at_work.take(one)
        at_work.pipeline.drain()
        await found(at_work)


def much() -> list[Message]:
    """More than is processed at once."""
    return [message("telemetry", {"heart_rate": 70}, "d2", T0 + n) for n in range(2 * SLICE)]


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
        assert "still after, confidence 0." in decision.evidence.detail
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
@pytest.mark.parametrize("arriving", [False, True])
async def test_a_crash_at_any_window_changes_nothing(
    tmp_path: Path, crash_after: int, saved: bool, arriving: bool
) -> None:
    with works(tmp_path) as at_work:
        sent = windows()
        await heard(at_work, *sent[:crash_after], arriving=arriving)
        if saved:
            await at_work.pipeline.save()
        at_work.crash()
        await found(at_work)
        await heard(at_work, *sent[crash_after:], arriving=arriving)
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


async def test_a_checkpoint_waits_until_what_it_has_done_with_was_looked_at(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        for one in windows():
            at_work.pipeline.feel(one)
            at_work.pipeline.take([], await at_work.journalled(one))
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            saving = tasks.create_task(at_work.pipeline.save())
            assert not at_work.felt
            await saving
        assert len(at_work.felt) == 1


async def test_a_checkpoint_waits_for_no_window_that_comes_meanwhile(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        saving = asyncio.create_task(at_work.pipeline.save())
        sent = windows()
        async with asyncio.timeout(20):
            while not saving.done():  # more than are looked at in a turn
                for number in range(8):
                    at_work.pipeline.feel(replace(sent[0], topic=f"shouwang/v1/{SITE}/w{number}/motion"))
                await asyncio.sleep(0)
        await saving
        at_work.pipeline.drain()


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


async def test_what_a_phone_says_beside_acceleration_means_what_it_means_in_its_turn(tmp_path: Path) -> None:
    """Its windows were felt as they arrived; the rest is read when what came before it was."""
    a = fall(AT_S, LENGTH_S) * 9.80665
    with works(tmp_path) as at_work:
        for second in range(LENGTH_S):
            items: list[dict[str, object]] = [{"name": "battery", "time": (T0 + second * 1000) * 10**6}]
            items[0]["values"] = {"batteryLevel": 0.5}
            for n, (x, y, z) in enumerate(a[second * 50 : second * 50 + 50].tolist(), second * 50):
                at = {"name": "totalacceleration", "time": (T0 + n * 20) * 10**6}
                items.append(at | {"values": {"x": x, "y": y, "z": z}})
            said = orjson.dumps({"deviceId": "d1", "payload": items})
            one = Message("sensor-logger", said, T0 + second * 1000 + 1000)
            await heard(at_work, one, arriving=True)
        await found(at_work)
        assert [decision.kind for decision in at_work.decided] == ["fall"]
        assert at_work.metrics.registry.get_sample_value("shouwang_motion_windows_total") == LENGTH_S
        assert at_work.fates() == {"observed": LENGTH_S + 1}


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


class Witness(Model):
    """A model that tells `judged` before it judges."""

    def __init__(self, judged: Callable[[], object]) -> None:
        self._model, self._judged = default_models()["wrist"], judged

    def judge(self, samples: Samples, stage: Stage) -> Verdict:
        self._judged()
        return self._model.judge(samples, stage)


async def test_a_start_decides_on_calls_before_it_looks_at_acceleration(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        decided: list[int] = []
        at_work.models = {"wrist": Witness(lambda: decided.append(len(at_work.decided)))}
        sent = windows()
        await heard(at_work, *sent[: AT_S + 4])
        await at_work.pipeline.save()
        sos = message("event", {"event": "sos"}, "d2", sent[-1].received_at)
        await at_work.journalled(*sent[AT_S + 4 :], *much(), sos)
        at_work.crash()
        assert [one.kind for one in at_work.decided] == ["fall", "sos"]
        assert set(decided) == {2}, "what was felt before is looked at, but later"


async def test_a_start_knows_the_call_of_a_device_that_was_announced(tmp_path: Path) -> None:
    """Nothing in its topic or bytes says that it is one."""
    about = {"unique_id": "u", "state_topic": "hall/7", "device_class": "safety", "payload_on": "X"}
    announced = Message("homeassistant/binary_sensor/u/sos/config", orjson.dumps(about), T0)
    with works(tmp_path) as at_work:
        decided: list[int] = []
        at_work.models = {"wrist": Witness(lambda: decided.append(len(at_work.decided)))}
        sent = windows()
        await heard(at_work, announced, *sent[: AT_S + 1])
        await at_work.pipeline.save()
        await at_work.journalled(*sent[AT_S + 1 :], *much(), Message("hall/7", b"X", sent[-1].received_at))
        at_work.crash()
        assert [one.kind for one in at_work.decided] == ["sos"]
        assert set(decided) == {1}


async def test_a_bug_in_what_judges_costs_no_call_and_no_start(tmp_path: Path) -> None:
    def fail() -> None:
        raise RuntimeError("no verdict")

    with works(tmp_path) as at_work:
        at_work.models = {"wrist": Witness(fail)}
        at_work.crash()
        for _ in range(2):
            await heard(at_work, *windows(length_s=AT_S + 4))
            at_work.pipeline.tick(at_work.clock.time + 60_000)
            at_work.crash()
        await heard(at_work, message("event", {"event": "sos"}, "d2", at_work.clock.time))
        assert [one.kind for one in at_work.decided] == ["sos"]
        bugs = "shouwang_readings_rejected_total", {"reason": "bug"}
        assert at_work.metrics.registry.get_sample_value(*bugs)


async def test_a_crash_loses_no_fall_of_long_windows(tmp_path: Path) -> None:
    """A blow at the end of one of 20 s, and much else until the next one comes."""
    a = np.concatenate([walk(31), fall(7, 29)])
    sent = [
        message(
            "motion",
            {"ts": T0 + s * 1000, "fs": 50, "position": "wrist", "xyz": a[s * 50 : s * 50 + 1000].tolist()},
            at=T0 + s * 1000 + 20_000,
        )
        for s in (0, 20, 40)
    ]
    other = [message("telemetry", {"heart_rate": 70}, "d2", T0 + 40_010 + 12 * n) for n in range(1600)]
    with works(tmp_path) as at_work:
        await heard(at_work, *sent[:2])
        await at_work.take(*other)
        at_work.pipeline.drain()
        at_work.felt.clear()
        at_work.decided.clear()
        await at_work.pipeline.save()
        at_work.crash()
        await heard(at_work, sent[2])
        assert at_work.decided[0].kind == "fall"


async def test_a_crash_loses_no_fall_of_windows_that_went_ahead(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        sent = windows()
        waits = await at_work.journalled(message("telemetry", {"heart_rate": 70}, "d2"))
        at_work.pipeline.take(await at_work.journalled(*sent[: AT_S + 1]), [])
        await at_work.pipeline.save()
        at_work.crash()
        await found(at_work)
        assert not at_work.decided
        assert waits[0].seq == 1
        await heard(at_work, *sent[AT_S + 1 :])
        assert [one.kind for one in at_work.decided] == ["fall"]


async def test_acceleration_in_what_looks_like_a_call_is_felt_while_the_disk_is_stuck(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        for one in windows():
            at_work.pipeline.feel(one)
        at_work.pipeline.drain()
        assert len(at_work.felt) == 1


@pytest.mark.parametrize("behind_h", [0.5, 25, 240, 696, 24 * 365])
async def test_who_is_felt_now_is_called_for_whatever_the_clock_of_the_watch_says(
    tmp_path: Path, behind_h: float
) -> None:
    with works(tmp_path) as at_work:
        sent = windows()
        for second, one in enumerate(sent):
            said = orjson.loads(one.payload) | {"ts": T0 + second * 1000 - int(behind_h * 3_600_000)}
            await heard(at_work, replace(one, payload=orjson.dumps(said)))
        assert at_work.decided[0].kind == "fall"
        assert ("clock is wrong" in at_work.decided[0].evidence.detail) == (behind_h > 24)


async def test_a_window_that_cannot_be_read_is_no_call_of_a_device_for_calling(tmp_path: Path) -> None:
    with works(tmp_path) as at_work:
        bad = [{"fs": 3, "xyz": [[0, 0, 1]]}, {"xyz": [[0, 0, 1]]}, [1, 2], {"fs": 50, "xyz": "x"}]
        await at_work.take(*(message("motion", one, "d4") for one in bad))
        at_work.pipeline.drain()
        assert at_work.fates() == {"quarantined": len(bad)}
        assert not at_work.decided
