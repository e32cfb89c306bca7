"""What the pipeline makes of messages that teach, cannot be read, or name nobody."""

import json

import pytest

from devices.message import Message
from tests.ingest.works import T0, Works, heart_rate, message, metrics_of

MINUTE = 60_000


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


class TestUsable:
    """R-94: impossible readings of a worn device are told, and mean the same when read again."""

    async def test_r94_it_is_told_once_through_a_crash(self, at_work: Works) -> None:
        await at_work.take(heart_rate(999, at=T0), heart_rate(998, at=T0 + 1))
        at_work.pipeline.drain()
        await at_work.pipeline.save()
        at_work.crash()
        await at_work.take(heart_rate(997, at=T0 + 2), heart_rate(71, at=T0 + 3))
        at_work.pipeline.drain()
        told = [
            observation.value
            for entry in await at_work.stored()
            for observation in entry.observations
            if observation.metric == "usable"
        ]
        assert told == [False, True]
