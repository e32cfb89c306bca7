"""Bad input: each gets a reason and is kept, one metric counts it, and nothing else is disturbed."""

import json
import time
from pathlib import Path

import pytest

from tests.brokers import AnyBroker
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.quarantined import quarantined
from tests.service.house import config, living, rows

pytestmark = pytest.mark.integration

TELEMETRY = "shouwang/v1/home-1/w-01/telemetry"
A_DAY_MS = 86_400_000

BAD: dict[str, tuple[str, bytes, str]] = {
    "not JSON": (TELEMETRY, b"{heart_rate: 72", "not_json"),
    "empty": (TELEMETRY, b"", "empty"),
    "invalid UTF-8": (TELEMETRY, b"\xff\xfe\x00", "not_utf8"),
    "a wrong type": (TELEMETRY, b'{"heart_rate": "fast"}', "wrong_type"),
    "a number as the whole": (TELEMETRY, b"72", "wrong_shape"),
    "NaN": (TELEMETRY, b'{"heart_rate": NaN}', "not_a_number"),
    "infinite": (TELEMETRY, b'{"heart_rate": 1e999}', "not_a_number"),
    "impossible": (TELEMETRY, b'{"heart_rate": 5000}', "out_of_range"),
    "an unknown metric": (TELEMETRY, b'{"aura": 3}', "unknown_metric"),
    "an unknown event": ("shouwang/v1/home-1/w-01/event", b'{"event": "levitation"}', "unknown_event"),
    "deep nesting": (TELEMETRY, b"[" * 100_000 + b"]" * 100_000, "too_deep"),
    "1 MB": (TELEMETRY, b'{"note": "' + b"x" * 1_000_000 + b'"}', "too_large"),
    "a wrong status": ("shouwang/v1/home-1/w-01/status", b"perhaps", "wrong_shape"),
    "an event in a wrong site": ("shouwang/v1/h me/w-01/event", b'{"event": "check_in"}', "unknown_topic"),
    "a codec's failure": ("v3/app@ttn/devices/d/up", b"[]", "wrong_shape"),
    "not an uplink": ("application/1/device/abc/event/up", b"{]", "not_json"),
}


async def test_each_is_quarantined_with_its_reason_and_nothing_else_is_disturbed(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    embedded = type(broker).__name__ == "Embedded"
    sent = {
        name: bad for name, bad in BAD.items() if not (embedded and " " in bad[0])
    }  # NATS takes no blanks
    with Publisher(broker.port) as device:
        async with living(config(tmp_path, broker.url, dsn)) as running:
            device.send_all([(topic, payload) for topic, payload, _ in sent.values()])
            device.send_all([(TELEMETRY, b'{"heart_rate": 72}')])
            await eventually(lambda: rows(dsn, "SELECT 1 FROM observation WHERE metric = 'heart_rate'"))
            reasons = dict(rows(dsn, "SELECT journal_seq, reason FROM quarantine"))  # type: ignore[arg-type]
            kept = {
                (message.topic, message.payload): reasons[row.seq]
                for row, message in quarantined(dsn, tmp_path / "data")
            }
            for name, (topic, payload, reason) in sent.items():
                assert kept.get((topic, payload[: 256 * 1024])) == reason, name
            assert len(kept) == len(sent)
            counted = running.metrics.registry.get_sample_value
            assert counted("shouwang_messages_processed_total", {"fate": "quarantined"}) == len(sent)
            assert counted("shouwang_readings_rejected_total", {"reason": "too_deep"}) == 1
            said = "SELECT count(*) FROM observation WHERE metric != 'usable'"
            assert rows(dsn, said) == [(1,)], "all else is that its readings cannot be used (R-94)"


async def test_ten_megabytes_disturb_nobody(broker: AnyBroker, dsn: str, tmp_path: Path) -> None:
    async with living(config(tmp_path, broker.url, dsn)):
        with Publisher(broker.port, "huge") as huge:
            try:
                huge.send_all([(TELEMETRY, b'{"note": "' + b"x" * 10_000_000 + b'"}')])
                taken = 1
            except (ConnectionError, TimeoutError):
                taken = 0  # this broker refuses it at its door
        with Publisher(broker.port) as device:
            device.send_all([(TELEMETRY, b'{"heart_rate": 72}')])
        await eventually(lambda: rows(dsn, "SELECT 1 FROM observation"))
        assert rows(dsn, "SELECT reason FROM quarantine") == [("too_large",)] * taken
        found = [(row.size, len(message.payload)) for row, message in quarantined(dsn, tmp_path / "data")]
        assert found == [(10_000_012, 256 * 1024)] * taken


async def test_absurd_times_are_kept_but_do_not_act_as_current(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    now = time.time_ns() // 1_000_000
    stamps = {"1970": 300_000_000_000, "next year": now + 365 * A_DAY_MS, "a week ago": now - 7 * A_DAY_MS}
    with Publisher(broker.port) as device:
        async with living(config(tmp_path, broker.url, dsn)) as running:
            device.send_all(
                [
                    (TELEMETRY, json.dumps({"ts": at, "id": name, "spo2": 97}).encode())
                    for name, at in stamps.items()
                ]
                + [(TELEMETRY, b'{"ts": "yesterday", "spo2": 96}'), (TELEMETRY, b'{"ts": 1e300, "spo2": 95}')]
            )
            await eventually(lambda: rows(dsn, "SELECT count(*) FROM observation") == [(5,)])
            told = dict(
                rows(  # type: ignore[arg-type]
                    dsn,
                    "SELECT CASE WHEN at = received_at THEN 'arrival' ELSE 'own' END || ' ' || quality || ' '"
                    " || late, count(*) FROM observation GROUP BY 1",
                )
            )
            assert told == {
                "arrival uncertain true": 1,  # 1970: no time at all
                "arrival uncertain false": 1,  # ahead: the clock is at fault
                "own good true": 1,  # a week ago: history
                "arrival good false": 2,  # no time that could be read: arrival
            }
            assert running.desk.book.unresolved() == []


async def test_an_sos_gets_through_whatever_else_is_wrong_with_it(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    broken = b'{"event": "sos", "ts": "??", "confidence": NaN, "by": 7, "note": [], "state": {}, "x": 1e999}'
    with Publisher(broker.port) as device:
        async with living(config(tmp_path, broker.url, dsn)) as running:
            device.send_all([("shouwang/v1/home-1/w-01/event", broken)])
            await eventually(lambda: [e.kind for e in running.desk.book.unresolved()] == ["sos"])
