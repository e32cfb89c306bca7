"""What nobody understood: kept whole and sealed, shown without persons, and stored once it is understood."""

import asyncio
import errno
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from devices.message import Message
from devices.registry import Device, Registry
from ingest.interpret import Interpreted, interpret
from ingest.quarantine import Quarantine, Retried, Tried
from ingest.seal import Seal, seal_of
from ingest.store.quarantine import Choice, Held
from ingest.store.writer import Writer
from tests.deadline import eventually
from tests.ingest.works import REGISTRY, SITE, T0, Works, works
from tests.quarantined import SEAL

pytestmark = pytest.mark.integration

HOUR = 3_600_000
DOOR = Message("zigbee2mqtt/front door", b'{"contact": false, "mqtt_pass": "s3cret"}', T0)
UPGRADED = Registry.of(
    REGISTRY.places.values(),
    REGISTRY.residents.values(),
    [
        *REGISTRY.devices.values(),
        Device("front door", model="MCCGQ11LM"),
        Device("24e1", model="Dragino TrackerD", resident="ann"),
    ],
)
"""The registry after somebody wrote down which models these are."""


def tracker(at: int = T0, alarm: str = "TRUE", **about: object) -> Message:
    payload = {"object": {"ALARM_status": alarm} | about}
    return Message("application/a/device/24e1/event/up", json.dumps(payload).encode(), at)


@pytest.fixture
async def at_work(tmp_path: Path) -> "Iterator[Works]":  # type: ignore[misc]
    with works(tmp_path) as made:
        yield made


async def stored(works: Works, dsn: str) -> None:
    writer = Writer(dsn, works.journal.id, works.pipeline.feed, REGISTRY, works.metrics, lambda _: None, SEAL)
    running = asyncio.create_task(writer.run())
    await eventually(lambda: writer.position == works.journal.last)
    writer.stop()
    await running


def understood(message: Message) -> Interpreted:
    return interpret(message, UPGRADED, SITE)


def quarantine_of(works: Works, dsn: str, *, upgraded: bool = True, seal: Seal = SEAL) -> Quarantine:
    async def recorded() -> None:
        """Decisions of tests are recorded at once."""

    meaning = understood if upgraded else works.pipeline.interpret
    return Quarantine(dsn, seal, meaning, works.pipeline.recall, recorded, works.clock)


async def in_quarantine(works: Works, dsn: str, *messages: Message) -> None:
    await works.take(*messages)
    works.pipeline.drain()
    await stored(works, dsn)


def observations(dsn: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as database:
        return database.execute(
            "SELECT device, metric, value, late, (extract(epoch FROM at) * 1000)::bigint, journal_seq, part"
            " FROM observation ORDER BY journal_seq, part"
        ).fetchall()


async def the_row(quarantine: Quarantine, *, waiting: bool = False) -> Held:
    (row,) = await quarantine.held(Choice(waiting=waiting))
    return row


async def test_it_is_listed_with_reason_and_family_and_shown_without_secrets(
    at_work: Works, dsn: str
) -> None:
    await in_quarantine(at_work, dsn, DOOR, Message("nobody/knows", b"x", T0 + 1))
    quarantine = quarantine_of(at_work, dsn)
    newest, oldest = await quarantine.held(Choice())
    assert (oldest.family, oldest.reason) == ("zigbee2mqtt", "not_understood")
    assert oldest.shown == '{"contact":false,"mqtt_pass":"***"}'
    assert (newest.family, newest.reason, newest.topic) == ("", "unknown_topic", "nobody/knows")
    assert await quarantine.counts(Choice()) == [
        ("", "unknown_topic", 1),
        ("zigbee2mqtt", "not_understood", 1),
    ]
    for choice in (Choice(family="zigbee2mqtt"), Choice(reason="not_understood"), Choice(before=newest.id)):
        assert await quarantine.held(choice) == [oldest]
    assert await quarantine.held(Choice(ids=(newest.id,))) == [newest]
    assert await quarantine.held(Choice(device="another")) == []


async def test_in_clear_only_with_the_key(at_work: Works, dsn: str) -> None:
    await in_quarantine(at_work, dsn, DOOR)
    row = await the_row(quarantine_of(at_work, dsn))
    assert await quarantine_of(at_work, dsn).in_clear(row.id) == DOOR
    stranger = quarantine_of(at_work, dsn, seal=Seal(b"k" * 32))
    assert await stranger.in_clear(row.id) is None
    assert (await stranger.retry(Choice())).rows == (Tried(row.id, opened=False),)
    assert await quarantine_of(at_work, dsn).in_clear(row.id + 1) is None
    with psycopg.connect(dsn) as database:
        assert b"s3cret" not in str(database.execute("SELECT * FROM quarantine").fetchall()).encode()


async def test_what_is_understood_now_is_stored_with_its_own_time_and_alerts_nobody(
    at_work: Works, dsn: str
) -> None:
    await in_quarantine(at_work, dsn, DOOR)
    at_work.clock.time = T0 + HOUR
    row = (await the_row(quarantine_of(at_work, dsn))).id
    still = Tried(row, reason="not_understood", detail="fields: contact, mqtt_pass")
    assert await quarantine_of(at_work, dsn, upgraded=False).retry(Choice()) == Retried(
        1, 0, 0, 0, 0, row, (still,)
    )
    assert observations(dsn) == []
    done = await quarantine_of(at_work, dsn).retry(Choice())
    assert (done.looked_at, done.understood, done.observations, done.calls) == (1, 1, 1, 0)
    assert done.rows == (Tried(row, understood=True, metrics=("door_open",), observations=1),)
    assert observations(dsn) == [("front door", "door_open", 1.0, True, T0, 1, 0)]
    assert at_work.decided == []
    after = await the_row(quarantine_of(at_work, dsn))
    assert after.understood_at is not None
    assert after.stored == 1
    again = await quarantine_of(at_work, dsn).retry(Choice())
    assert again.looked_at == 0
    assert len(observations(dsn)) == 1


@pytest.mark.parametrize(("age", "alerts"), [(HOUR, 1), (24 * HOUR, 1), (24 * HOUR + 1, 0)])
async def test_a_call_for_help_of_the_last_day_alerts_late(
    at_work: Works, dsn: str, age: int, alerts: int
) -> None:
    await in_quarantine(at_work, dsn, tracker())
    at_work.clock.time = T0 + age
    done = await quarantine_of(at_work, dsn).retry(Choice())
    assert (done.calls, len(at_work.decided)) == (alerts, alerts)
    assert observations(dsn) == [("24e1", "sos", 1.0, not alerts, T0, 1, 0)]
    if alerts:
        (decision,) = at_work.decided
        assert (decision.rule, decision.subject) == ("sos", "ann")
        assert (decision.evidence.at, decision.at) == (T0, T0 + age)
        assert decision.facts["age_s"] == age // 1000


async def test_a_crash_between_the_alert_and_the_row_tells_the_same_evidence_again(
    at_work: Works, dsn: str
) -> None:
    await in_quarantine(at_work, dsn, tracker())
    at_work.clock.time = T0 + HOUR

    async def dies() -> None:
        raise RuntimeError("killed")

    broken = Quarantine(dsn, SEAL, understood, at_work.pipeline.recall, dies, at_work.clock)
    with pytest.raises(RuntimeError):
        await broken.retry(Choice())
    assert observations(dsn) == []
    await quarantine_of(at_work, dsn).retry(Choice())
    assert len(at_work.decided) == 2
    assert len({decision.evidence.key for decision in at_work.decided}) == 1
    assert len(observations(dsn)) == 1


async def test_of_what_was_understood_in_part_only_the_rest_is_added(at_work: Works, dsn: str) -> None:
    """A field that may be about life was left: the message is kept, though its battery was stored."""
    await in_quarantine(at_work, dsn, tracker(BatV=3.9))
    assert [row[1] for row in observations(dsn)] == ["battery_voltage"]
    row = await the_row(quarantine_of(at_work, dsn), waiting=True)
    assert (row.stored, row.device) == (1, "24e1")
    at_work.clock.time = T0 + HOUR
    done = await quarantine_of(at_work, dsn).retry(Choice())
    assert (done.understood, done.observations, done.calls) == (1, 1, 1)
    assert [(row[1], row[6]) for row in observations(dsn)] == [("battery_voltage", 0), ("sos", 1)]


async def test_the_same_message_twice_is_stored_once(at_work: Works, dsn: str) -> None:
    one = Message(
        "application/a/device/24e1/event/up",
        json.dumps({"deduplicationId": "x", "object": {"ALARM_status": "TRUE"}}).encode(),
        T0,
    )
    await in_quarantine(at_work, dsn, one, one)
    done = await quarantine_of(at_work, dsn).retry(Choice())
    assert (done.looked_at, done.understood, done.observations) == (2, 2, 1)
    assert [(row.metrics, row.observations) for row in done.rows] == [(("sos",), 1), (("sos",), 0)]
    assert len(at_work.decided) == 1


async def test_a_row_that_the_database_refuses_holds_up_no_other(at_work: Works, dsn: str) -> None:
    await in_quarantine(at_work, dsn, tracker(BatV=66), tracker(T0 + 1), DOOR)
    with psycopg.connect(dsn, autocommit=True) as database:
        database.execute("ALTER TABLE observation ADD CONSTRAINT no_doors CHECK (metric <> 'door_open')")
    done = await quarantine_of(at_work, dsn).retry(Choice())
    assert (done.looked_at, done.understood, done.observations) == (3, 2, 2)
    assert [row.reason for row in done.rows][-1] == "unstorable"
    (left,) = await quarantine_of(at_work, dsn).held(Choice())
    assert left.device == "front door"


async def test_two_retries_at_once_store_once(at_work: Works, dsn: str) -> None:
    await in_quarantine(at_work, dsn, *[tracker(T0 + n) for n in range(20)])
    both = await asyncio.gather(*(quarantine_of(at_work, dsn).retry(Choice()) for _ in range(2)))
    assert sum(done.observations for done in both) == 20
    assert sum(row.observations for done in both for row in done.rows) == 20
    assert len(observations(dsn)) == 20


async def test_a_large_quarantine_is_gone_through_in_turns(at_work: Works, dsn: str) -> None:
    await in_quarantine(at_work, dsn, *[tracker(T0 + n) for n in range(25)])
    quarantine = quarantine_of(at_work, dsn, upgraded=False)
    looked_at, after = [], 0
    while (done := await quarantine.retry(Choice(after=after, limit=10))).looked_at:
        looked_at.append(done.looked_at)
        after = done.last
    assert looked_at == [10, 10, 5]


async def test_what_the_broker_had_retained_is_no_call(at_work: Works, dsn: str) -> None:
    sent = tracker()
    await in_quarantine(at_work, dsn, Message(sent.topic, sent.payload, T0, retained=True))
    done = await quarantine_of(at_work, dsn).retry(Choice())
    assert (done.observations, done.calls) == (1, 0)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.key"
    sealed = seal_of(path).close("t\0opic", b"\0payload", "j:1")
    assert path.stat().st_mode & 0o777 == 0o600
    assert seal_of(path).open(sealed, "j:1") == ("t\0opic", b"\0payload")
    assert seal_of(path).open(sealed, "j:2") is None
    assert seal_of(path).open(sealed[:-1] + b"x", "j:1") is None
    assert seal_of(path).open(b"", "j:1") is None


@pytest.mark.parametrize("left", [b"", b"short"])
def test_a_file_that_holds_no_key_keeps_nobody_from_being_watched_over(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "quarantine.key"
    path.write_bytes(left)
    sealed = seal_of(path).close("t", b"payload", "j:1")
    assert seal_of(path).open(sealed, "j:1") == ("t", b"payload")
    assert path.with_name("quarantine.key.unreadable").read_bytes() == left


def test_a_key_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "the disk is full")

    path = tmp_path / "quarantine.key"
    with monkeypatch.context() as disk:
        disk.setattr("os.fsync", full)
        with pytest.raises(OSError, match="full"):
            seal_of(path)
    assert not path.exists()
    assert seal_of(path).open(seal_of(path).close("t", b"p", "j:1"), "j:1") == ("t", b"p")


async def test_what_was_stored_before_there_was_a_seal_is_not_stored_again(at_work: Works, dsn: str) -> None:
    """Rows of an older version do not say that a part of them was understood."""
    await in_quarantine(at_work, dsn, tracker(BatV=3.9))
    with psycopg.connect(dsn, autocommit=True) as database:
        database.execute(
            "UPDATE quarantine SET sealed = false, stored = 0, topic = %s, payload = %s",
            (tracker().topic, tracker(BatV=3.9).payload),
        )
    done = await quarantine_of(at_work, dsn).retry(Choice())
    assert (done.understood, done.observations) == (1, 1)
    assert [row[1] for row in observations(dsn)] == ["battery_voltage", "sos"]


async def test_no_column_names_a_person(at_work: Works, dsn: str) -> None:
    """A field, a topic and a device may be called by a number of somebody's."""
    sent = Message("zigbee2mqtt/13812345678", b'{"13812345678": {"sos": 1}', T0)
    await in_quarantine(at_work, dsn, sent, replace(sent, payload=sent.payload + b"}"))
    broken, row = sorted(await quarantine_of(at_work, dsn).held(Choice()), key=lambda held: held.id)
    assert (broken.topic, broken.device) == ("zigbee2mqtt/***", "***")
    assert (row.topic, row.detail) == ("zigbee2mqtt/***", "fields: ***.sos")
    with psycopg.connect(dsn) as database:
        assert "13812345678" not in str(database.execute("SELECT * FROM quarantine").fetchall())


async def test_a_database_that_does_not_answer_takes_no_thread_that_others_need(
    at_work: Works, dsn: str
) -> None:
    await in_quarantine(at_work, dsn, DOOR)
    quarantine = quarantine_of(at_work, dsn)
    with quarantine, psycopg.connect(dsn) as thief:
        thief.execute("LOCK TABLE quarantine IN ACCESS EXCLUSIVE MODE")
        asked = [asyncio.create_task(quarantine.held(Choice())) for _ in range(100)]
        await asyncio.sleep(0.2)
        assert sum(task.done() for task in asked) == 100 - 16  # refused at once: they would hold connections
        await asyncio.wait_for(asyncio.to_thread(lambda: None), 1)
        thief.rollback()
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(answer, list) for answer in answers) == 16
    assert sum(isinstance(answer, psycopg.OperationalError) for answer in answers) == 100 - 16
