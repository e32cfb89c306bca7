"""Every journalled message has one fate, help goes first, and the store gets each in order."""

import asyncio
import json
from dataclasses import replace

import pytest

from devices.message import Message
from rules.decision import Change
from tests.deadline import eventually
from tests.ingest.works import T0, Works, heart_rate, message, metrics_of, sos

MINUTE = 60_000


class TestFates:
    """observed, empty, duplicate, quarantined: one for each message."""

    async def test_each(self, at_work: Works) -> None:
        await at_work.take(
            heart_rate(70, id="a"),
            heart_rate(70, id="a"),
            message("telemetry", {}),
            message("telemetry", b"no json"),
            message("telemetry", {"pulse": 1}),
            message("telemetry", {"pulse": 1, "heart_rate": 71}),
            Message("no/family", b"", T0),
        )
        at_work.pipeline.drain()
        assert at_work.fates() == {"observed": 2, "duplicate": 1, "empty": 1, "quarantined": 3}
        stored = await at_work.stored()
        assert [entry.seq for entry in stored] == list(range(1, 8))
        assert [metrics_of(entry.observations) for entry in stored] == [
            [("heart_rate", 70.0)], [], [], [("usable", False)], [],
            [("heart_rate", 71.0), ("usable", True)], [],
        ]  # fmt: skip
        assert [len(entry.rejected) for entry in stored] == [0, 0, 0, 1, 1, 1, 1]
        assert [entry.message is not None for entry in stored] == [False] * 3 + [True] * 4

    async def test_of_an_array_only_the_repeated_items_are_dropped(self, at_work: Works) -> None:
        first = [{"id": "a", "heart_rate": 70}, {"id": "b", "heart_rate": 71}]
        second = [{"id": "b", "heart_rate": 71}, {"id": "c", "heart_rate": 72}]
        await at_work.take(message("telemetry", first), message("telemetry", second))
        at_work.pipeline.drain()
        stored = await at_work.stored()
        assert metrics_of(stored[1].observations) == [("heart_rate", 72.0)]
        assert at_work.fates() == {"observed": 2}

    async def test_a_decision_follows_from_a_first_delivery_only(self, at_work: Works) -> None:
        for _ in range(10):
            await at_work.take(sos(id="press-1"))
        assert len(at_work.decided) == 1
        await at_work.take(sos(id="press-2"))
        assert len(at_work.decided) == 2

    async def test_a_call_whose_id_was_used_before_is_no_repeat_of_an_older_call(
        self, at_work: Works
    ) -> None:
        await at_work.take(sos(id="1"), sos(T0 + 29 * MINUTE, id="1"))  # sent again for half an hour
        assert len(at_work.decided) == 1
        await at_work.take(sos(T0 + 31 * MINUTE, id="1"))  # the counter started anew with a new battery
        assert len(at_work.decided) == 2
        await at_work.take(sos(T0 + 32 * MINUTE, id="1", ts=T0 + 32 * MINUTE))  # and says when: another call
        assert len(at_work.decided) == 3
        await at_work.take(sos(T0 + 40 * MINUTE, id="1", ts=T0 + 32 * MINUTE))
        assert len(at_work.decided) == 3

    async def test_a_repeat_is_recognised_after_a_checkpoint_and_a_crash(self, at_work: Works) -> None:
        await at_work.take(sos(id="press-1"))
        await at_work.pipeline.save()
        await at_work.take(sos(id="press-1"))
        at_work.crash()
        await at_work.take(sos(id="press-1"))
        assert len(at_work.decided) == 1

    async def test_the_end_of_an_incident_is_no_repeat_of_its_beginning(self, at_work: Works) -> None:
        for item in ({"event": "fall_suspected"}, {"event": "fall"}, {"event": "fall", "state": "cleared"}):
            await at_work.take(message("event", item | {"id": "incident-1"}))
        assert [decision.evidence.metric for decision in at_work.decided] == [
            "fall_suspected", "fall", "fall_cleared",
        ]  # fmt: skip
        assert at_work.decided[-1].change is Change.NOTE


def falls(at_work: Works) -> int:
    """How many falls were raised; that somebody lies there still (`long_lie`) is another alert."""
    return sum(decision.rule == "fall" for decision in at_work.decided)


class TestKeysThatAreUsedAgain:
    """A device counts its alarms from one after a restart: its number identifies a fall only for a while."""

    @staticmethod
    def fall(at: int, number: int = 1) -> Message:
        alarm = {"alarm_id": number, "alarm_type": "fall", "alarm_status": "alarm_triggered"}
        return Message(
            "application/a/device/radar/event/up", json.dumps({"object": {"events": [alarm]}}).encode(), at
        )

    async def test_a_number_is_one_fall_for_ten_minutes(self, at_work: Works) -> None:
        await at_work.take(self.fall(T0), self.fall(T0 + 9 * MINUTE))
        assert falls(at_work) == 1
        await at_work.take(self.fall(T0 + 9 * MINUTE, number=2))
        assert falls(at_work) == 2
        await at_work.take(self.fall(T0 + 11 * MINUTE))
        assert falls(at_work) == 3

    async def test_after_the_alert_was_closed_it_is_a_new_fall(self, at_work: Works) -> None:
        await at_work.take(self.fall(T0))
        at_work.closed["radar"] = T0 + MINUTE
        await at_work.take(self.fall(T0 + 2 * MINUTE))
        assert falls(at_work) == 2
        await at_work.take(self.fall(T0 + 3 * MINUTE))  # which is one fall again
        assert falls(at_work) == 2


class TestAClockThatStandsStill:
    """Each press bears the same time: of the year 2000, of last year, or of the year 2100."""

    @pytest.mark.parametrize("ts", ["2000-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "2100-01-01T00:00:00Z"])
    async def test_every_press_is_a_call_of_its_own(self, at_work: Works, ts: str) -> None:
        await at_work.take(sos(T0, ts=ts))
        await at_work.take(sos(T0 + MINUTE, ts=ts))  # sent again, since nobody took it
        assert len(at_work.decided) == 1
        at_work.closed["d1"] = T0 + 2 * MINUTE
        await at_work.take(sos(T0 + 3 * MINUTE, ts=ts))
        await at_work.take(sos(T0 + 60 * MINUTE, ts=ts))
        assert [d.at for d in at_work.decided] == [T0, T0 + 3 * MINUTE, T0 + 60 * MINUTE]
        assert len({d.evidence.key for d in at_work.decided}) == 3


class TestOrder:
    """Help first, then the rest; what is ahead of the position is remembered."""

    async def test_help_does_not_wait_for_the_next_turn(self, at_work: Works) -> None:
        await at_work.take(*[heart_rate(60 + n, id=n) for n in range(50)], sos(id="s"))
        assert len(at_work.decided) == 1
        assert at_work.pipeline.position == 0
        assert at_work.fates() == {"observed": 1}
        at_work.pipeline.drain()
        assert at_work.pipeline.position == 51
        assert at_work.fates() == {"observed": 51}

    async def test_however_many_call_at_once(self, at_work: Works) -> None:
        """The broker was away: hundreds of calls come in one commit, and nothing after them."""
        calls = [sos(id=n, device=f"d{n}") for n in range(450)]
        await at_work.take(heart_rate(70), *calls)
        assert len(at_work.decided) == 450
        assert [decision.evidence.device for decision in at_work.decided] == [f"d{n}" for n in range(450)]

    async def test_the_feed_is_in_order_though_help_went_ahead(self, at_work: Works) -> None:
        assert await at_work.stored() == []  # from here on the feed follows
        await at_work.take(heart_rate(70), sos(id="s"), heart_rate(71))
        assert await at_work.stored() == []
        at_work.pipeline.drain()
        assert [entry.seq for entry in await at_work.stored()] == [1, 2, 3]

    async def test_a_crash_with_entries_ahead_repeats_and_skips_none(self, at_work: Works) -> None:
        await at_work.take(heart_rate(70), sos(id="s1"), heart_rate(71), sos(id="s2"), heart_rate(72))
        await at_work.pipeline.save()
        assert at_work.pipeline.position == 0
        at_work.crash()
        assert at_work.pipeline.position == 5
        assert len(at_work.decided) == 2
        assert at_work.fates() == {"observed": 5}
        stored = await at_work.stored()
        found = [o.metric for entry in stored for o in entry.observations]
        assert found == ["heart_rate", "sos", "heart_rate", "sos", "heart_rate"]

    async def test_run_takes_up_what_is_not_urgent(self, at_work: Works) -> None:
        running = asyncio.create_task(at_work.pipeline.run())
        await at_work.take(*[heart_rate(70, id=n) for n in range(500)])
        await eventually(lambda: at_work.pipeline.position == 500)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    async def test_a_lost_checkpoint_of_a_trimmed_journal_is_no_end(self, at_work: Works) -> None:
        """After a power cut the newest checkpoints may be gone, and the journal already trimmed by them."""
        await at_work.take(*[heart_rate(60 + n, id=n) for n in range(10)])
        at_work.pipeline.drain()
        while [entry.seq for entry in at_work.journal.read(0, 100)] != [8, 9, 10]:
            at_work.journal.trim(7, T0 + MINUTE)
            await at_work.journal.transact(lambda _: None)
        assert at_work.crash() == 3
        assert at_work.pipeline.position == 10
        assert [entry.seq for entry in await at_work.stored()] == [8, 9, 10]
        await at_work.take(heart_rate(99, id=99))
        at_work.pipeline.drain()
        assert at_work.pipeline.position == 11


class TestFeed:
    """The store gets the same whether it keeps up or not."""

    _MESSAGES = (
        *[heart_rate(60 + n, id=n % 7) for n in range(40)],
        message("telemetry", [{"heart_rate": 70}, {"pulse": 1}]),
        message("telemetry", {"heart_rate": 70}, dup=True),
        message("telemetry", {"heart_rate": 70}),
        message("telemetry", {"heart_rate": 70}, at=T0 + 1, dup=True),
        sos(id="a"),
        sos(id="a"),
        message("event", b"{"),
    )

    @pytest.mark.parametrize("rows", [1, 3, 10_000])
    async def test_memory_and_journal_give_the_same(self, at_work: Works, rows: int) -> None:
        feed = at_work.pipeline.feed
        assert await feed.take(0, 1) == []  # it follows from here on
        await at_work.take(*self._MESSAGES)
        at_work.pipeline.drain()
        assert len(feed._held) == len(self._MESSAGES)
        by_memory = await at_work.stored(rows=rows)
        assert not feed._held
        assert feed._rows == 0
        by_journal = await at_work.stored(rows=rows)
        assert by_memory == by_journal
        assert [entry.seq for entry in by_memory] == list(range(1, len(self._MESSAGES) + 1))

        await at_work.pipeline.save()
        assert await at_work.stored() == by_journal, "repeats known from the checkpoint stay dropped"
        at_work.crash()
        assert await at_work.stored() == by_journal, "and so they do after a crash"

    async def test_a_store_that_falls_behind_is_given_all_the_same(self, at_work: Works) -> None:
        feed = at_work.pipeline.feed
        large = message("telemetry", [{"heart_rate": 70, "spo2": 97, "battery": 50}] * 5_000)
        assert await feed.take(0, 1) == []
        for n in range(15):
            await at_work.take(large)
            at_work.pipeline.drain()
            assert feed._rows <= 200_000, "memory is bounded"
            assert len(feed._held) == (n + 1 if n < 13 else 0), "after that the journal has it all"
        await at_work.take(heart_rate(70))
        at_work.pipeline.drain()
        counts = [len(entry.observations) for entry in await at_work.stored(rows=50_000)]
        assert counts == [15_000] * 15 + [1]

        await at_work.take(*self._MESSAGES)
        at_work.pipeline.drain()
        assert len(feed._held) == len(self._MESSAGES), "it follows again"
        more = await at_work.stored(after=16)
        assert [entry.seq for entry in more] == list(range(17, 17 + len(self._MESSAGES)))

    async def test_a_batch_is_about_as_large_as_asked(self, at_work: Works) -> None:
        await at_work.take(*[heart_rate(70, id=n) for n in range(1000)])
        at_work.pipeline.drain()
        assert 50 <= len(await at_work.pipeline.feed.take(0, 100)) < 250

    async def test_it_says_when_there_is_something(self, at_work: Works) -> None:
        feed = at_work.pipeline.feed
        assert await feed.take(0, 10) == []
        assert not feed.arrived.is_set()
        await at_work.take(sos(id="a"))
        assert feed.arrived.is_set()
        assert [entry.seq for entry in await feed.take(0, 10)] == [1]


@pytest.mark.parametrize("noticed", ["by a tick", "by a message"])
async def test_a_clock_of_ours_that_was_ahead_leaves_no_timer_in_that_future(
    at_work: Works, noticed: str
) -> None:
    year = 365 * 86_400_000
    await at_work.take(message("event", {"event": "fall"}, at=T0 + year))
    if noticed == "by a tick":
        at_work.pipeline.tick(T0)
    else:
        await at_work.take(message("telemetry", {"heart_rate": 70}, at=T0))
        at_work.pipeline.drain()
    before = len(at_work.decided)
    at_work.pipeline.tick(T0 + 2 * year)
    steps = [decision.at - T0 for decision in at_work.decided[before:] if decision.kind == "long_lie"]
    assert steps == [30_000, 180_000, 1_800_000, 3_600_000], "who fell then has lain since now"


@pytest.mark.parametrize("stalled", [False, True])
async def test_what_a_radio_repeats_is_one_press_on_a_slow_disk_too(at_work: Works, stalled: bool) -> None:
    """Its repeats share no time; each of them is decided before it is recorded."""
    panic = {"model": "X10-Security", "id": "a5c1", "event": "KR18 PANIC"}
    sent = [
        Message("rtl_433/gw/events", json.dumps(panic | {"rssi": -n}).encode(), T0 + 200 * n)
        for n in range(3)
    ]
    if stalled:
        for one in sent:
            at_work.pipeline.alarm(one)
        assert len(at_work.decided) == 1
    await at_work.take(*sent)
    assert len({decision.evidence.key for decision in at_work.decided}) == 1
    assert at_work.fates() == {"observed": 1, "duplicate": 2}
    pressed_anew = replace(sent[0], received_at=T0 + MINUTE)
    if stalled:
        at_work.pipeline.alarm(pressed_anew)
    await at_work.take(pressed_anew)
    assert len({decision.evidence.key for decision in at_work.decided}) == 2


async def test_what_was_decided_before_it_was_recorded_is_not_decided_again(at_work: Works) -> None:
    smoke = message("telemetry", {"smoke": True, "ts": T0}, "d3")
    at_work.pipeline.alarm(smoke)
    decided = list(at_work.decided)
    assert [one.kind for one in decided] == ["environment"]
    await at_work.take(smoke)
    at_work.pipeline.drain()
    assert at_work.decided == decided
    assert at_work.fates() == {"observed": 1}
    assert [metrics_of(entry.observations) for entry in await at_work.stored()] == [[("smoke", True)]]


async def test_a_checkpoint_that_cannot_be_read_holds_up_no_call(at_work: Works) -> None:
    assert at_work.checkpoint is not None
    at_work.checkpoint.close()
    at_work.pipeline.alarm(sos(ts=T0))
    assert [one.kind for one in at_work.decided] == ["sos"]
    at_work.crash()


async def test_what_arrives_is_read_in_its_turn(at_work: Works) -> None:
    """So that a call for help waits for no burst of acceleration."""
    window = message("motion", {"ts": T0, "fs": 50, "xyz": [[0, 0, 1]] * 50})
    windows = "shouwang_motion_windows_total"
    for _ in range(50):
        at_work.pipeline.feel(window)
    assert at_work.metrics.registry.get_sample_value(windows) == 0
    at_work.pipeline.drain()
    assert at_work.metrics.registry.get_sample_value(windows) == 50
