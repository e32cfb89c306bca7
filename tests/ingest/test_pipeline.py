"""Every journalled message has one fate, help goes first, and no crash changes what was decided or stored."""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.message import Message
from devices.observation import Observation
from ingest.journal import Entry
from rules.decision import Change
from tests.deadline import eventually
from tests.ingest.works import SITE, T0, Works, works

MINUTE = 60_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
async def at_work(folder: Path) -> "Iterator[Works]":  # type: ignore[misc]
    with works(folder) as made:
        yield made


def message(channel: str, payload: object, device: str = "d1", at: int = T0, **flags: bool) -> Message:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message(f"shouwang/v1/{SITE}/{device}/{channel}", raw, at, **flags)


def heart_rate(bpm: int, at: int = T0, **about: object) -> Message:
    return message("telemetry", {"heart_rate": bpm} | about, at=at)


def sos(at: int = T0, device: str = "d1", **about: object) -> Message:
    return message("event", {"event": "sos"} | about, device, at)


def metrics_of(observations: list[Observation]) -> list[tuple[str, object]]:
    return [(o.metric, o.value) for o in observations]


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
            [("heart_rate", 70.0)], [], [], [], [], [("heart_rate", 71.0)], [],
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
        assert len(at_work.decided) == 1
        await at_work.take(self.fall(T0 + 9 * MINUTE, number=2))
        assert len(at_work.decided) == 2
        await at_work.take(self.fall(T0 + 11 * MINUTE))
        assert len(at_work.decided) == 3

    async def test_after_the_alert_was_closed_it_is_a_new_fall(self, at_work: Works) -> None:
        await at_work.take(self.fall(T0))
        at_work.closed["radar"] = T0 + MINUTE
        await at_work.take(self.fall(T0 + 2 * MINUTE))
        assert len(at_work.decided) == 2
        await at_work.take(self.fall(T0 + 3 * MINUTE))  # which is one fall again
        assert len(at_work.decided) == 2


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


class TestLearning:
    """A model learned from the bridge decides from the next message on, through crash and re-reading."""

    BRIDGE = Message(
        "zigbee2mqtt/bridge/devices",
        json.dumps([{"friendly_name": "d3", "definition": {"model": "MCCGQ11LM"}}]).encode(),
        T0,
    )
    DOOR = Message("zigbee2mqtt/d3", b'{"contact": false}', T0 + 1)

    async def test_what_is_learned_is_used_and_survives_a_crash(self, at_work: Works) -> None:
        await at_work.take(self.DOOR, self.BRIDGE, self.DOOR)
        at_work.pipeline.drain()
        assert [metrics_of(entry.observations) for entry in await at_work.stored()] == [
            [], [], [("door_open", True)],
        ]  # fmt: skip
        assert [fact.about for fact in at_work.taught] == ["d3"]
        await at_work.pipeline.save()
        at_work.crash()
        await at_work.take(self.DOOR)
        at_work.pipeline.drain()
        assert metrics_of((await at_work.stored())[-1].observations) == [("door_open", True)]
        # read again from the journal, each message means what it meant
        assert [metrics_of(p.observations) for p in at_work.pipeline.again(0, 9)] == [
            [], [], [("door_open", True)], [("door_open", True)],
        ]  # fmt: skip

    async def test_what_was_taught_last_holds_though_it_went_ahead(self, at_work: Works) -> None:
        """Announced, taken back, announced again: the last one overtook the one before."""
        where = "ha/binary_sensor/sos/config"
        config = json.dumps({"state_topic": "corridor/7", "name": "SOS"}).encode()
        announced, taken_back = Message(where, config, T0), Message(where, b"", T0)
        first, last, again = await at_work.journalled(announced, taken_back, announced)
        at_work.pipeline.take([first], [last])
        at_work.pipeline.take([again], [])
        at_work.pipeline.drain()
        await at_work.pipeline.save()
        for press in range(1, 3):
            await at_work.take(Message("corridor/7", b"ON", T0 + press))
            at_work.pipeline.drain()
            assert {(d.rule, d.evidence.at) for d in at_work.decided} == {("sos", T0 + press)}
            at_work.decided.clear()
            await at_work.pipeline.save()
            at_work.crash()

    async def test_what_says_nothing_known_is_kept(self, at_work: Works) -> None:
        await at_work.take(self.DOOR)
        at_work.pipeline.drain()
        assert at_work.fates() == {"quarantined": 1}
        stored = await at_work.stored()
        assert [(r.reason, r.detail) for r in stored[0].rejected] == [("not_understood", "fields: contact")]
        assert stored[0].family == "zigbee2mqtt"


class TestUnreadable:
    """FAMILIES rule 8: what cannot be read of a device for calling may have been a call."""

    async def test_a_call_buttons_unreadable_message_is_told(self, at_work: Works) -> None:
        await at_work.take(message("telemetry", b"\xff{garbage", "d4"))
        at_work.pipeline.drain()
        assert [(d.rule, d.subject, d.evidence.device, d.severity) for d in at_work.decided] == [
            ("unreadable", "bob", "d4", "high")
        ]

    async def test_the_same_entry_processed_again_is_the_same_evidence(self, at_work: Works) -> None:
        await at_work.take(message("telemetry", b"garbage", "d4"))
        at_work.pipeline.drain()
        at_work.crash()
        assert len({d.evidence.key for d in at_work.decided}) == 1
        assert len(at_work.decided) == 2

    @pytest.mark.parametrize(
        ("payload", "device", "flags"),
        [
            (b"garbage", "d1", {}),  # no device for calling
            (b"garbage", "stranger", {}),
            (b"garbage", "d4", {"retained": True}),
            (b'{"heart_rate": 70}', "d4", {}),
            (b'{"heart_rate": 70, "pulse": 1}', "d4", {}),  # read, but for a field
        ],
    )
    async def test_nothing_else_is(
        self, at_work: Works, payload: bytes, device: str, flags: dict[str, bool]
    ) -> None:
        await at_work.take(message("telemetry", payload, device, **flags))
        at_work.pipeline.drain()
        assert at_work.decided == []

    async def test_a_call_that_could_be_read_all_the_same_is_a_call(self, at_work: Works) -> None:
        await at_work.take(message("event", b'{"event": "sos"', "d4"))
        assert [decision.rule for decision in at_work.decided] == ["sos"]


class TestAnonymous:
    """Bytes without key and time: only MQTT's DUP flag tells a repeat."""

    @staticmethod
    async def _fates(at_work: Works, *messages: Message) -> dict[str, float]:
        await at_work.take(*messages)
        at_work.pipeline.drain()
        return at_work.fates()

    async def test_the_same_bytes_again_are_new(self, at_work: Works) -> None:
        assert await self._fates(at_work, *[heart_rate(70)] * 3) == {"observed": 3}

    async def test_the_same_bytes_with_dup_are_a_repeat(self, at_work: Works) -> None:
        again = message("telemetry", {"heart_rate": 70}, at=T0 + 10 * MINUTE - 1, dup=True)
        assert await self._fates(at_work, heart_rate(70), again) == {"observed": 1, "duplicate": 1}

    async def test_dup_after_ten_minutes_is_new(self, at_work: Works) -> None:
        again = message("telemetry", {"heart_rate": 70}, at=T0 + 10 * MINUTE, dup=True)
        assert await self._fates(at_work, heart_rate(70), again) == {"observed": 2}

    async def test_dup_of_what_never_came_is_new(self, at_work: Works) -> None:
        first = message("telemetry", {"heart_rate": 70}, dup=True)
        other = message("telemetry", {"heart_rate": 71}, dup=True)
        assert await self._fates(at_work, first, other) == {"observed": 2}

    async def test_a_call_for_help_is_never_a_repeat(self, at_work: Works) -> None:
        press = message("event", {"event": "sos"}, dup=True)
        relative = message("event", {"event": "sos", "ts": 0, "seq": 1}, dup=True)
        assert await self._fates(at_work, *[press] * 3, *[relative] * 3) == {"observed": 6}
        assert len(at_work.decided) == 6


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


class TestCheckpoints:
    """What a checkpoint may say, and when."""

    async def test_none_is_written_before_the_alert_is_recorded(self, folder: Path) -> None:
        recorded = asyncio.Event()

        async def until_recorded() -> None:
            await recorded.wait()

        with works(folder, until_recorded) as at_work:
            await at_work.take(sos(id="s"))
            saving = asyncio.create_task(at_work.pipeline.save())
            await at_work.journal.transact(lambda _: None)
            assert not saving.done()
            at_work.crash()
            assert len(at_work.decided) == 2, "not recorded, so decided again"
            saving.cancel()
            recorded.set()
            await at_work.pipeline.save()
            at_work.crash()
            assert len(at_work.decided) == 2
            assert at_work.pipeline.saved == 1

    async def test_a_cancelled_save_loses_nothing_of_the_next(self, folder: Path) -> None:
        recorded = asyncio.Event()

        async def until_recorded() -> None:
            await recorded.wait()

        with works(folder, until_recorded) as at_work:
            await at_work.take(sos(id="first"))
            saving = asyncio.create_task(at_work.pipeline.save())
            await at_work.journal.transact(lambda _: None)
            saving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await saving
            recorded.set()
            await at_work.take(sos(id="second"), sos(id="first"))
            await at_work.pipeline.save()
            at_work.crash()
            await at_work.take(sos(id="first"), sos(id="second"))
            assert len(at_work.decided) == 2
            assert (
                metrics_of([o for entry in await at_work.stored() for o in entry.observations])
                == [("sos", True)] * 2
            )


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


_PAYLOADS = st.sampled_from(
    [
        ("telemetry", {"heart_rate": 70}),
        ("telemetry", {"heart_rate": 70, "id": "a"}),
        ("telemetry", {"heart_rate": 71, "ts": T0}),
        ("telemetry", [{"heart_rate": 70, "id": "a"}, {"spo2": 97, "id": "b"}, {"spo2": 200, "ts": T0}]),
        ("telemetry", {"sos": True, "heart_rate": 70, "id": "c"}),
        ("telemetry", {"pulse": 1}),
        ("event", {"event": "sos", "id": "a"}),
        ("event", {"event": "sos", "id": "b", "ts": T0}),
        ("event", {"event": "sos"}),
        ("event", {"event": "sos", "state": "cleared", "id": "a"}),
        ("event", {"event": "fall", "ts": T0}),
        ("event", {"event": "visit"}),
        ("status", b"online"),
        ("event", b"broken"),
    ]
)
_STEPS = st.lists(
    st.tuples(
        st.just("take"),
        st.lists(st.tuples(_PAYLOADS, st.booleans(), st.sampled_from(["d1", "d2"])), max_size=6),
    )
    | st.sampled_from([("work", []), ("save", []), ("crash", []), ("store", []), ("store little", [])]),
    max_size=14,
)


@given(_STEPS)
@settings(max_examples=120, deadline=None)
def test_crashes_change_neither_decisions_nor_rows(steps: list[tuple[str, list[object]]]) -> None:
    """Whatever is taken, saved and stored between crashes: as if there had been none."""
    messages: list[Message] = []
    for _, given_messages in steps:
        for (channel, payload), dup, device in given_messages:  # type: ignore[misc]
            messages.append(message(channel, payload, device, T0 + len(messages), dup=dup))
    with tempfile.TemporaryDirectory() as folder:
        decided, rows = asyncio.run(_lived_through(Path(folder), steps, messages))
        expected_decided, expected_rows = asyncio.run(
            _lived_through(Path(folder) / "calm", [("take", messages)], messages)
        )
    assert decided == expected_decided
    assert rows == expected_rows


async def _lived_through(
    folder: Path, steps: list[tuple[str, list[object]]], messages: list[Message]
) -> tuple[set[object], dict[int, object]]:
    """The decisions by what makes them the same one, and the rows a store has that remembers its position."""
    rows: dict[int, object] = {}
    position = 0

    async def store(at_work: Works, most: int) -> None:
        nonlocal position
        for entry in await at_work.pipeline.feed.take(position, most):
            assert entry.seq == position + 1, "in order, none twice, none missing"
            position = entry.seq
            rows[position] = (entry.observations, entry.rejected, entry.message)

    with works(folder) as at_work:
        waiting: list[Entry] = list(await at_work.journalled())
        for step, its in steps:
            match step:
                case "take":
                    taken = messages[len(at_work.durable) : len(at_work.durable) + len(its)]
                    waiting = await at_work.take(*taken)
                case "work" if waiting:
                    at_work.pipeline._slice()
                case "save":
                    await at_work.pipeline.save()
                case "crash":
                    at_work.crash()
                case "store":
                    await store(at_work, 1000)
                case "store little":
                    await store(at_work, 2)
        at_work.pipeline.drain()
        await store(at_work, 100_000)
        assert position == len(messages) == at_work.pipeline.position
        assert not at_work.pipeline._ahead
        decided: set[object] = {
            (d.rule, d.subject, d.change, d.evidence.key, d.evidence.received_at) for d in at_work.decided
        }
    return decided, rows
