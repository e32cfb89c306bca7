"""Recorded homes: every row is one observation, and what is wrong with a file is told."""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import registry_files
from devices.decode import decode
from devices.message import Message
from devices.reading import Decoded
from devices.registry import Registry
from simulators.recording import Recording, read, read_map

ROWS = """B,1000,12,press bed rechts,1
B,1000,13,press bed links,1
A,1001,12,Front door,1
B,1002,12,press bed rechts,0
B,1001,28,PIR keuken,1
"""

Log = Callable[[str], Path]


def read_small(path: Path, house: str = "B") -> Recording:
    found = read("kasteren", path, house)
    assert isinstance(found, Recording), found
    return found


def test_each_row_of_the_house_is_one_message(small_log: Log) -> None:
    said = list(read_small(small_log(ROWS)).publications())
    assert [(each.at_ms, each.topic, json.loads(each.payload)) for each in said] == [
        (at, f"shouwang/v1/kasteren-B/kasteren-B-{sensor}/telemetry", {"ts": at, "id": name, metric: value})
        for at, sensor, name, metric, value in (
            (1_000_000, 12, "kasteren-1", "bed_occupied", True),
            (1_000_000, 13, "kasteren-2", "bed_occupied", True),
            (1_001_000, 28, "kasteren-5", "motion", True),
            (1_002_000, 12, "kasteren-4", "bed_occupied", False),
        )
    ]
    assert {each.qos for each in said} == {1}


def test_lines_are_the_same_events(small_log: Log) -> None:
    small = read_small(small_log(ROWS))
    lines = [json.loads(line) for line in small.lines()]
    assert lines == [
        {"at": said.at_ms, "topic": said.topic, "payload": json.loads(said.payload)}
        for said in small.publications()
    ]


def test_what_is_wrong_with_rows_is_told_at_once(small_log: Log) -> None:
    wrong = read("kasteren", small_log("B,1000,12,,2\nB,soon,12,,1\nB,1000,99,,1\nB,1000,12,,1\nB,1\n"), "B")
    assert wrong == [
        "log.csv: row 1: value is 0 or 1, not '2'",
        "log.csv: row 2: ts_epoch_s is a number of seconds, not 'soon'",
        "log.csv: row 3: the map has no sensor '99'",
        "log.csv: row 5: the map has no sensor ''",
    ]


def test_what_is_wrong_with_files_is_told(small_log: Log, tmp_path: Path) -> None:
    log = small_log(ROWS)
    assert read("kasteren", log, "Z") == ["kasteren: no house 'Z'; known: A, B, C"]
    assert read("kasteren", log, "C") == ["log.csv: no rows of house 'C'"]
    assert read("kasteren", tmp_path / "no.csv", "B") == [f"{tmp_path / 'no.csv'}: No such file or directory"]
    assert read("castern", log, "B") == [
        "unknown recording 'castern'; known: kasteren, or the path of a .toml map"
    ]
    no_gzip = tmp_path / "log.csv.gz"
    no_gzip.write_text(ROWS)
    (told,) = read("kasteren", no_gzip, "B")  # type: ignore[misc]
    assert "gzip" in told
    log.write_text("time,value\n")
    assert read("kasteren", log, "B") == [
        "log.csv: columns missing: house, ts_epoch_s, sensor_id, sensor_name"
    ]


def test_what_is_wrong_with_a_map_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'timezone = "Mars/Olympus"\ncolour = 1\ndescription = { zh = "a", en = "b" }\n'
        '[house.X.sensor]\n1 = { metric = "sos", room = "x" }\n2 = { metric = "motion" }\n'
    )
    assert read_map(path) == [
        f"{path}: timezone: no such time zone: 'Mars/Olympus'",
        f"{path}: house.X.sensor.1.metric: 'sos' is not a state of the vocabulary",
        f"{path}: house.X.sensor.2.room: missing",
        f"{path}: colour: unknown key",
    ]


@given(st.text(), st.sampled_from(["log.csv", "log.csv.gz"]))
def test_any_file_is_a_recording_or_errors(
    tmp_path_factory: pytest.TempPathFactory, text: str, name: str
) -> None:
    path = tmp_path_factory.mktemp("any") / name
    content = f"house,ts_epoch_s,sensor_id,sensor_name,value\n{text}".encode("utf-8", "surrogatepass")
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    found = read("kasteren", path, "B")
    assert isinstance(found, Recording) or found


def test_the_registry_of_a_house_is_what_the_service_reads(small_log: Log) -> None:
    small = read_small(small_log(ROWS))
    people = registry_files.read([("house.toml", small.registry())])
    assert isinstance(people, Registry), people
    assert len(people.residents) == 1
    assert {device.id for device in people.devices.values()} >= {said.device for said in small.publications()}


@pytest.mark.parametrize("house", ["A", "B", "C"])
def test_no_row_of_a_recorded_house_is_lost(kasteren: Path, house: str) -> None:
    with gzip.open(kasteren, "rt", encoding="utf-8", newline="") as file:
        rows = Counter(row["sensor_id"] for row in csv.DictReader(file) if row["house"] == house)
    found = read_small(kasteren, house)
    heard = Counter[str]()
    ids = set()
    for said in found.publications():
        decoded = decode(Message(said.topic, said.payload, said.at_ms))
        assert isinstance(decoded, Decoded)
        assert [reading.metric for reading in decoded.readings] == list(said.metrics)
        heard[said.device.removeprefix(f"kasteren-{house}-")] += 1
        ids.add(json.loads(said.payload)["id"])
    assert heard == rows
    assert len(ids) == rows.total()
