"""`simulate`: plays to a broker and writes the truth; wrong words are told before it plays."""

import json
import signal
import socket
from pathlib import Path

import pytest

from tests.brokers import AnyBroker
from tests.commands.program import called, shouwang, started
from tests.deadline import eventually

pytestmark = pytest.mark.integration

NOWHERE = ["--broker", "mqtt://127.0.0.1:1", "--wait", "0"]


def test_a_scenario_is_played_with_its_truth(broker: AnyBroker, tmp_path: Path) -> None:
    truth, home = tmp_path / "truth", tmp_path / "home.toml"
    files = ("--truth", truth, "--registry", home)
    answer = shouwang("simulate", "demo", "--broker", broker.url, "--speed", "0", "--seed", "7", *files)
    assert answer.code == 0, answer.err
    about, *expected = [json.loads(line) for line in truth.read_bytes().splitlines()]
    assert about["seed"] == 7
    assert about["published"] > 100
    assert {"sos", "fall", "daily-check-in"} <= {each["rule"] for each in expected}
    assert "[[resident]]" in home.read_text("utf-8")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
async def test_it_can_be_stopped_and_tells_the_truth_so_far(
    stop: signal.Signals, broker: AnyBroker, tmp_path: Path
) -> None:
    truth = tmp_path / "truth"
    async with started("simulate", "demo", "--broker", broker.url, "--truth", truth) as playing:
        await eventually(truth.exists)
        assert (await playing.ends(stop)).code == 0
    (about,) = [json.loads(line) for line in truth.read_bytes().splitlines()]
    assert about["piece"] == "demo"


def test_a_broker_that_is_not_there_is_a_failure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"mqtt://127.0.0.1:{taken.getsockname()[1]}"
        answer = shouwang("simulate", "demo", "--broker", url, "--wait", "0")
    assert answer.code == 1
    assert url in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["demo"], "--broker"),
        (["nonsense", *NOWHERE], "demo"),
        (["demo", "--broker", "http://b"], "mqtt://"),
        (["demo", "--broker", "mqtt://b:99999"], "Port"),
        (["demo", *NOWHERE, "--speed", "-1"], "--speed"),
        (["demo", *NOWHERE, "--speed", "inf"], "speed"),
        (["demo", *NOWHERE, "--speed", "nan"], "speed"),
        (["demo", *NOWHERE, "--residents", "0"], "residents"),
        (["demo", *NOWHERE, "--start", "99999999999999999999"], "--start"),
        (["nonsense", *NOWHERE, "--recording", "log.csv"], "kasteren"),
    ],
)
def test_wrong_words_are_told(words: list[str], said: str) -> None:
    answer = called("simulate", *words)
    assert answer.code == 2
    assert said in answer.err


def test_a_truth_that_cannot_be_written_is_told_before_the_run(tmp_path: Path) -> None:
    answer = called("simulate", "demo", *NOWHERE, "--truth", tmp_path)
    assert answer.code == 1
    assert answer.err.strip() == f"{tmp_path}: Is a directory"


def test_the_scenarios_are_listed() -> None:
    answer = called("simulate", "--list")
    assert answer.code == 0
    assert "demo " in answer.out.decode()


def test_a_scenario_that_is_none_is_told_before_the_broker_that_is_missing() -> None:
    answer = called("simulate", "dmeo")
    assert answer.code == 2
    assert "unknown scenario 'dmeo'; known: " in answer.err
    assert "--broker" not in answer.err
