"""`decode`: payloads explained one by one or in batches, with the exit code that scripts go by."""

import base64
import json
from pathlib import Path

import pytest

from tests.cases import ARRIVED, FILE, Answer, Case, Observed, cases, faults, payload_of
from tests.commands.program import called, shouwang

PRESS = b'{"action":"emergency"}'
TOPIC = "zigbee2mqtt/button-1"
FIELDS = {"device", "metric", "value", "unit", "at", "quality"}


def batch(*lines: object) -> bytes:
    return b"".join(
        (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines
    )


def test_a_payload_from_a_pipe() -> None:
    answer = shouwang("decode", "--topic", TOPIC, stdin=PRESS)
    assert answer.code == 0
    (line,) = answer.lines
    assert line.keys() >= FIELDS
    assert (line["device"], line["metric"], line["value"]) == ("button-1", "sos", True)


def test_a_payload_in_a_file_and_a_dash_for_the_pipe(tmp_path: Path) -> None:
    (tmp_path / "payload").write_bytes(PRESS)
    from_file = called("decode", "--topic", TOPIC, tmp_path / "payload")
    from_pipe = called("decode", "--topic", TOPIC, "-", stdin=PRESS)
    assert [answer.lines[0]["metric"] for answer in (from_file, from_pipe)] == ["sos", "sos"]


def test_each_observation_has_a_line_with_its_unit_and_its_own_time() -> None:
    payload = b'{"ts":1763763600123,"heart_rate":72,"body_temperature":36.6,"shoe_size":43}'
    answer = called("decode", "--topic", "shouwang/v1/home-1/watch-1/telemetry", stdin=payload)
    observed = {line["metric"]: line for line in answer.lines if "metric" in line}
    assert {metric: (line["value"], line["unit"]) for metric, line in observed.items()} == {
        "heart_rate": (72, "/min"),
        "body_temperature": (36.6, "Cel"),
    }
    assert {(line["at"], line["quality"]) for line in observed.values()} == {(1763763600123, "good")}
    assert answer.code == 0


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (TOPIC, b""),
        (TOPIC, b"\xff\x00"),
        (TOPIC, b"{"),
        (TOPIC, b"[[["),
        ("nobody/knows", b"{}"),
        ("", PRESS),
    ],
)
def test_nothing_but_a_reject_is_exit_3(topic: str, payload: bytes) -> None:
    family = [] if topic else ["--family", "native"]
    answer = called("decode", "--topic", topic, *family, stdin=payload)
    assert answer.code == 3
    (line,) = answer.lines
    assert line.keys() >= {"rejected", "detail"}


def test_the_family_can_be_named() -> None:
    answer = called("decode", "--topic", "elsewhere/button-1", "--family", "zigbee2mqtt", stdin=PRESS)
    assert (answer.code, answer.lines[0]["metric"]) == (0, "sos")


def test_a_platform_may_be_named_that_speaks_as_another_does() -> None:
    payload = b'{"params": {"SOS": {"value": 1, "time": 1763763600000}}}'
    topic = "/sys/p/d/thing/event/property/post"
    answer = called("decode", "--topic", topic, "--family", "sagoo-iot", stdin=payload)
    assert [line["metric"] for line in answer.lines] == ["sos"]


def test_an_unknown_family_is_told_which_there_are() -> None:
    answer = called("decode", "--topic", TOPIC, "--family", "zigbee", stdin=PRESS)
    assert answer.code == 2
    assert "zigbee2mqtt" in answer.err


def test_the_model_decides_what_a_payload_alone_leaves_open() -> None:
    payload = b'{"occupancy":true}'
    said = {
        model: [line["metric"] for line in called("decode", "--topic", TOPIC, *words, stdin=payload).lines]
        for model, words in (
            ("none", []),
            ("motion", ["--model", "RTCGQ01LM"]),
            ("bed", ["--model", "TS0601_bed_presence_sensor"]),
        )
    }
    assert said == {"none": [], "motion": ["motion"], "bed": ["bed_occupied"]}


def test_a_table_for_people_names_what_was_left_and_why() -> None:
    payload = b'{"contact":false,"battery":80,"voltage":"[b]","temperature":{"a":NaN}}'
    answer = called("decode", "--table", "--topic", TOPIC, stdin=payload)
    said = answer.out.decode()
    assert answer.code == 0
    for wanted in ("zigbee2mqtt", "button-1", "battery", "80 %", "contact", "not understood 未识别"):
        assert wanted in said
    assert "--model" in answer.err
    rejected = called("decode", "--table", "--topic", "nobody/knows", stdin=b"{}")
    assert rejected.code == 3
    assert "unknown_topic" in rejected.out.decode()


def test_json_lines_when_asked_for_and_into_a_pipe() -> None:
    asked, piped = (called("decode", *words, "--topic", TOPIC, stdin=PRESS) for words in (["--json"], []))
    assert [answer.lines[0]["metric"] for answer in (asked, piped)] == ["sos", "sos"]
    assert len(asked.lines) == len(piped.lines) == 1


def test_json_says_what_was_left_when_asked_for() -> None:
    asked, piped = (
        called("decode", *words, "--topic", TOPIC, stdin=b'{"shoe_size": 43}') for words in (["--json"], [])
    )
    assert (asked.code, asked.lines) == (0, [{"left": ["shoe_size"]}])
    assert (piped.code, piped.lines) == (0, [])
    assert "not understood: shoe_size" in piped.err


@pytest.mark.parametrize(
    ("payload", "model", "hint"),
    [
        (b'{"contact":false}', "", "say the device's model"),
        (b'{"shoe_size":43}', "", ""),
        (b'{"contact":false}', "NOSUCH", "model NOSUCH is not in the catalogue"),
        (b'{"contact":false}', "MCCGQ11LM", ""),
        (b'{"contact":false,"shoe_size":43}', "MCCGQ11LM", ""),
    ],
)
def test_a_hint_at_the_model_only_where_a_model_would_help(payload: bytes, model: str, hint: str) -> None:
    answer = called("decode", "--json", "--topic", TOPIC, *(["--model", model] * bool(model)), stdin=payload)
    assert answer.code == 0
    assert answer.err.startswith(hint) if hint else not answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--zone", "Mars/X"], "Mars/X"),
        (["--zone", "../etc/passwd"], "no time zone"),
        (["--json", "--table"], "not both"),
    ],
)
def test_options_that_mean_nothing_are_told(words: list[str], said: str) -> None:
    answer = called("decode", "--topic", TOPIC, *words, stdin=PRESS)
    assert answer.code == 2
    assert said in answer.err


def test_what_a_line_teaches_holds_for_those_after_it() -> None:
    door = {"topic": "zigbee2mqtt/d", "payload": {"contact": False}}
    bridge = [{"friendly_name": "d", "definition": {"model": "MCCGQ11LM"}}]
    lines = batch(door, {"topic": "zigbee2mqtt/bridge/devices", "payload": bridge}, door)
    assert [len(line) for line in called("decode", "--batch", "-", stdin=lines).lines] == [0, 0, 1]


def test_the_said_model_goes_before_the_learned() -> None:
    bridge = [{"friendly_name": "d", "definition": {"model": "MCCGQ11LM"}}]
    lines = batch(
        {"topic": "zigbee2mqtt/bridge/devices", "payload": bridge},
        {"topic": "zigbee2mqtt/d", "payload": {"occupancy": True}, "model": "TS0601_bed_presence_sensor"},
    )
    (_, said) = called("decode", "--batch", "-", stdin=lines).lines
    assert [one["metric"] for one in said] == ["bed_occupied"]


def test_without_a_topic_it_says_how() -> None:
    answer = called("decode", stdin=PRESS)
    assert answer.code == 2
    assert "--topic" in answer.err
    both = called("decode", "--topic", TOPIC, "--batch", "-", stdin=PRESS)
    assert both.code == 2


def test_a_batch_answers_every_line_in_order() -> None:
    good = {"topic": TOPIC, "payload": {"action": "emergency"}}
    lines = batch(
        good,
        b"",
        b"no json",
        [],
        {"payload": {}},
        {"topic": TOPIC},
        {"topic": TOPIC, "payload_b64": "no base64!"},
        {"topic": 7, "payload": {}},
        {"topic": "nobody/knows", "payload": {}},
        b"\xff",
        {"topic": "shouwang/v1/h/d/status", "payload": "online"},
        {"topic": TOPIC, "payload": {"linkquality_of_moon": 3}},
        good,
    )
    answer = shouwang("decode", "--batch", "-", stdin=lines)
    assert answer.code == 0
    shown = [
        line["rejected"] if isinstance(line, dict) else [each["metric"] for each in line]
        for line in answer.lines
    ]
    assert shown == [["sos"], *["bad_line"] * 7, "unknown_topic", "bad_line", ["online"], [], ["sos"]]
    assert all(line["detail"] for line in answer.lines if isinstance(line, dict))


def test_a_batch_of_nothing_but_rejects_is_exit_3() -> None:
    assert called("decode", "--batch", "-", stdin=b"nonsense\n").code == 3
    assert called("decode", "--batch", "-", stdin=b"").code == 0


@pytest.mark.parametrize(
    "payload",
    [
        {"payload": json.loads(PRESS)},
        {"payload": PRESS.decode()},
        {"payload_b64": base64.b64encode(PRESS).decode()},
        {"text": PRESS.decode()},
    ],
    ids=["payload", "payload as text", "payload_b64", "text"],
)
def test_a_payload_can_be_written_in_four_ways(payload: dict[str, object]) -> None:
    answer = called("decode", "--batch", "-", stdin=batch({"topic": TOPIC, **payload}))
    assert [each["metric"] for each in answer.lines[0]] == ["sos"]


@pytest.mark.parametrize(
    ("arrival", "at"),
    [(1_790_000_000_000, 1_790_000_000_000), (5, 5), ("2025-01-01T08:00:00+08:00", 1_735_689_600_000)],
)
def test_the_arrival_is_the_time_of_what_has_none(arrival: object, at: int) -> None:
    line = {"topic": TOPIC, "payload": {"action": "emergency"}, "received_at": arrival}
    assert called("decode", "--batch", "-", stdin=batch(line)).lines[0][0]["at"] == at


@pytest.mark.parametrize(
    "arrival", ["yesterday", "2025-01-01T08:00:00", True, [], -1, 1e300, "0001-01-01T00:00Z"]
)
def test_an_arrival_that_is_no_time_is_told(arrival: object) -> None:
    line = {"topic": TOPIC, "payload": {"action": "emergency"}, "received_at": arrival}
    answer = called("decode", "--batch", "-", stdin=batch(line))
    assert answer.lines[0]["rejected"] == "bad_line"
    assert "arrival time" in answer.lines[0]["detail"]


def test_what_has_its_own_time_keeps_it_whenever_it_arrived() -> None:
    payload = {"ts": 1_789_999_990_000, "heart_rate": 72}
    line = {"topic": "shouwang/v1/h/w/telemetry", "payload": payload, "received_at": 1_790_000_000_000}
    (observed,) = called("decode", "--batch", "-", stdin=batch(line)).lines[0]
    assert observed["at"] == 1_789_999_990_000


def _line_of(case: Case) -> dict[str, object]:
    """A case as a line of a batch; every kind of payload in its own way."""
    payload: dict[str, object] = {"payload": case["payload"]}
    if isinstance(case["payload"], dict) and set(case["payload"]) == {"text"}:
        payload = {"text": case["payload"]["text"]}
    if isinstance(case["payload"], dict) and set(case["payload"]) == {"base64"}:
        payload = {"payload_b64": base64.b64encode(payload_of(case)).decode()}
    return {"topic": case["topic"], "model": case["device_model"], "received_at": ARRIVED, **payload}


@pytest.mark.skipif(not FILE.exists(), reason="the shared collection of real payloads is not here")
def test_one_batch_of_all_real_payloads() -> None:
    known = cases()
    answer = shouwang("decode", "--batch", "-", stdin=batch(*map(_line_of, known)))
    wrong = {}
    for case, line in zip(known, answer.lines, strict=True):
        if isinstance(line, dict):
            said = Answer((), line.get("device", ""))
        else:
            said = Answer(tuple(Observed(o["device"], o["metric"], o["value"], o["at"]) for o in line))
        if found := faults(case, said):
            wrong[case["id"]] = found
    assert wrong == {}
    assert len(known) > 50


def test_a_window_of_acceleration_is_told() -> None:
    payload = b'{"ts": 1763763600123, "fs": 50, "position": "wrist", "xyz": [[0, 0, 1], [0, 0.1, 1]]}'
    answer = called("decode", "--topic", "shouwang/v1/home-1/w-1/motion", stdin=payload)
    assert answer.code == 0
    assert "w-1: acceleration 加速度: 2 samples 个采样 at 50 Hz, worn 佩戴: wrist" in " ".join(
        answer.err.split()
    )


MOTION = "shouwang/v1/home-1/w-1/motion"


def window(position: str | None = "wrist", still: float = 1.0, **more: object) -> dict[str, object]:
    about = {"ts": 1763763600123, "fs": 50, "position": position, "xyz": [[0, 0, still]] * 50}
    return {name: value for name, value in (about | more).items() if value is not None}


@pytest.mark.parametrize(
    ("position", "model"),
    [("wrist", "wrist"), ("left_hip", "waist"), ("ankle", "unknown"), (None, "unknown")],
)
def test_a_window_of_acceleration_is_an_object_with_the_model_that_judges_it(
    position: str | None, model: str
) -> None:
    said = window(position)
    (line,) = called("decode", "--json", "--topic", MOTION, stdin=json.dumps(said).encode()).lines
    (batched,) = called("decode", "--batch", "-", stdin=batch({"topic": MOTION, "payload": said})).lines[0]
    for one in (line["motion"], batched["motion"]):
        doubts = one.pop("doubts", [])
        assert one == {
            "device": "w-1", "at": 1763763600123, "samples": 50, "rate_hz": 50,
            "position": position or "unknown", "model": model,
        }  # fmt: skip
        assert ["unknown positions" in doubt for doubt in doubts] == [True] * (model == "unknown")


def test_a_window_of_acceleration_is_in_the_table() -> None:
    answer = called("decode", "--table", "--topic", MOTION, stdin=json.dumps(window()).encode())
    said = answer.out.decode()
    for wanted in (
        "w-1",
        "acceleration 加速度",
        "50 samples 个采样 at 50 Hz",
        "worn 佩戴: wrist (model 模型: wrist)",
        "2025-11-21 22:20:00Z",
    ):
        assert wanted in said
    assert not answer.err
    unknown = called("decode", "--table", "--topic", MOTION, stdin=json.dumps(window("ankle")).encode())
    assert "position ankle is judged by the model for unknown positions" in " ".join(
        unknown.out.decode().split()
    )


@pytest.mark.parametrize(("still", "asked"), [(1.0, False), (3.9, False), (9.81, True)])
@pytest.mark.parametrize("way", ["--table", "--json", "piped"])
def test_what_may_be_in_metres_per_second_squared_is_asked(way: str, still: float, asked: bool) -> None:
    words = [] if way == "piped" else [way]
    answer = called("decode", *words, "--topic", MOTION, stdin=json.dumps(window(still=still)).encode())
    said = answer.out.decode() + answer.err
    assert ("this is m/s², and read as such: send g 单位是 m/s²" in said) is asked


def test_a_window_beside_a_reject_is_more_than_a_reject() -> None:
    said = window(ts="never")
    answer = called("decode", "--json", "--topic", MOTION, stdin=json.dumps(said).encode())
    batched = called("decode", "--batch", "-", stdin=batch({"topic": MOTION, "payload": said}))
    assert (answer.code, batched.code) == (0, 0)
    assert [next(iter(line)) for line in answer.lines] == ["rejected", "motion"]
    assert [next(iter(one)) for one in batched.lines[0]] == ["motion"]


PACKED = base64.b64encode(bytes(6)).decode()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"xyz_i16": "AAAA", "scale": 0.01}, "xyz_i16 must be 6 bytes a sample"),
        ({"xyz_i16": "?", "scale": 0.01}, "xyz_i16 is no base64"),
        ({"xyz_i16": [1], "scale": 0.01}, "xyz_i16 must be text"),
        ({"xyz_i16": PACKED}, "scale is missing: g per unit of xyz_i16"),
        ({"xyz_i16": PACKED, "scale": "0.01"}, "scale must be a number: g per unit of xyz_i16"),
        ({"xyz_i16": PACKED, "scale": 0}, "scale is zero: it must be g per unit of xyz_i16"),
        ({"xyz_i16": PACKED, "scale": 10**400}, "scale is NaN or infinite: it must be g per unit of xyz_i16"),
        ({"xyz_i16": PACKED, "scale": float("nan")}, "scale is NaN or infinite"),
        ({"fs": "50"}, "fs must be a number: the sampling rate in Hz"),
        ({"fs": None}, "fs is missing: the sampling rate in Hz"),
        ({}, "xyz or xyz_i16 is missing"),
        ({"xyz": {"x": 0}}, "xyz must be a list of [x, y, z] in g"),
    ],
)
def test_what_is_wrong_with_a_window_is_told_apart(changed: dict[str, object], said: str) -> None:
    payload = json.dumps({"fs": 50} | changed).encode()
    (line,) = called("decode", "--json", "--topic", MOTION, stdin=payload).lines
    assert line["detail"].startswith(said)


@pytest.mark.parametrize("name", ["xyz", "xyz_i16"])
def test_acceleration_on_the_wrong_channel_is_told_where_to_go(name: str) -> None:
    payload = json.dumps({name: [[0, 0, 1]]}).encode()
    (line,) = called("decode", "--topic", MOTION.replace("motion", "telemetry"), stdin=payload).lines
    assert line["detail"] == f"{name}: send it on motion"


@pytest.mark.parametrize("channel", ["telemetry", "event", "motion"])
def test_the_same_mistake_many_times_in_a_list_is_one(channel: str) -> None:
    answer = called("decode", "--topic", MOTION.replace("motion", channel), stdin=b"[1, 2, 3]")
    (line,) = answer.lines
    assert (line["rejected"], answer.code) == ("wrong_shape", 3)
