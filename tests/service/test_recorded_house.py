"""27 recorded days of a real house through a real broker: every event a row, and the nights add up."""

import csv
import gzip
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from devices.registry import Registry
from devices.registry_files import read
from simulators import play
from tests.brokers import AnyBroker
from tests.deadline import eventually
from tests.service.house import config, living, rows

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.parametrize(
        "broker", ["mosquitto" if shutil.which("mosquitto") else "embedded"], indirect=True
    ),
]

HOUSE, BED_MATS, ZONE = "B", ("12", "13"), "Europe/Amsterdam"

TIME_IN_BED = """
WITH change AS (
    SELECT at, journal_seq,
        value - lag(value, 1, 0) OVER (PARTITION BY device ORDER BY at, journal_seq) AS pressed_more
    FROM observation WHERE metric = 'bed_occupied'
), state AS (
    SELECT at, lead(at) OVER (ORDER BY at, journal_seq) AS until,
        sum(pressed_more) OVER (ORDER BY at, journal_seq) AS mats
    FROM change
)
SELECT ((at AT TIME ZONE 'Europe/Amsterdam') - interval '12 hours')::date AS night,
    extract(epoch FROM sum(until - at))::bigint AS seconds
FROM state WHERE mats > 0 AND until IS NOT NULL GROUP BY 1 ORDER BY 1
"""


@pytest.fixture
def log() -> Path:
    shared = Path(os.environ.get("SHOUWANG_SHARED", Path(__file__).parents[3] / "shared"))
    path = shared / "replay" / "kasteren.events.csv.gz"
    if not path.exists():
        pytest.skip("the recorded houses are not here (set SHOUWANG_SHARED)")
    return path


def recorded(log: Path) -> list[tuple[int, str, bool]]:
    """Time (s), sensor and value of each event of the house, as the file has them."""
    with gzip.open(log, "rt", newline="") as file:
        return [
            (int(float(row["ts_epoch_s"])), row["sensor_id"], row["value"] in {"1", "True", "true"})
            for row in csv.DictReader(file)
            if row["house"] == HOUSE
        ]


def time_in_bed(events: list[tuple[int, str, bool]]) -> dict[str, int]:
    """Seconds with any mat pressed, by night, straight from the recording."""
    nights: dict[str, int] = {}
    pressed: set[str] = set()
    last = 0
    for at, sensor, value in events:
        if sensor not in BED_MATS:
            continue
        if pressed:
            local = datetime.fromtimestamp(last, UTC).astimezone(ZoneInfo(ZONE)) - timedelta(hours=12)
            night = local.date().isoformat()
            nights[night] = nights.get(night, 0) + at - last
        (pressed.add if value else pressed.discard)(sensor)
        last = at
    return nights


async def test_every_event_is_one_row_in_order_and_the_nights_add_up(
    broker: AnyBroker, dsn: str, tmp_path: Path, log: Path
) -> None:
    piece = play.piece("kasteren", recording=log, house=HOUSE)
    assert not isinstance(piece, list)
    people = read([("house.toml", piece.registry)])
    assert isinstance(people, Registry)
    events = recorded(log)
    async with living(config(tmp_path, broker.url, dsn), people) as running:
        code = await play.run("kasteren", broker.url, speed=0, recording=log, house=HOUSE)
        assert code == 0
        count = "SELECT count(*) FROM observation"
        await eventually(lambda: rows(dsn, count) == [(len(events),)], 120)
        assert running.desk.book.unresolved() == [], "history is stored, not alerted"
    stored = rows(dsn, "SELECT extract(epoch FROM at)::bigint FROM observation ORDER BY journal_seq, part")
    assert [at for (at,) in stored] == [at for at, _, _ in events], "in order, none twice, none missing"
    assert rows(dsn, "SELECT count(*) FROM observation WHERE NOT late") == [(0,)]
    nights = {str(night): int(str(seconds)) for night, seconds in rows(dsn, TIME_IN_BED)}
    assert nights == time_in_bed(events)
    assert len(nights) > 10, "the mats were pressed in two weeks of them"
