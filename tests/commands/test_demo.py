"""`demo`: a home that calls for help within seconds, ends when told, and leaves nothing running."""

import re
import signal
from pathlib import Path

import pytest

from tests.commands.program import Live, called, started
from tests.deadline import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FAST = ["--speed", "600"]
ALERT = re.compile(
    r"\d\d:\d\d:\d\d (opened|evidence) +(sos|fall|missed_check): (r-\d\d) \w+, room \d+, (\d+) ms"
)


def servers(folder: Path) -> set[str]:
    """The names of the processes whose command line or working folder has to do with this folder."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode().split("\0")
            where = (process / "cwd").readlink()
        except OSError:
            continue  # it has just ended
        if any(str(folder) in word for word in words) or where.is_relative_to(folder):
            found.add(Path(words[0]).name.partition(":")[0])
    return found


def leftovers(folder: Path) -> list[Path]:
    """What a demo without --data has left in its temporary folder."""
    return list(folder.glob("shouwang-demo-*"))


async def alerts(demo: Live) -> dict[str, str]:
    """Listens until there was an SOS, a fall and a missed check; who they were about."""
    found: dict[str, str] = {}
    while found.keys() != {"sos", "fall", "missed_check"}:
        if alert := ALERT.match(await demo.line()):
            found.setdefault(alert[2], alert[3])
    return found


async def test_a_demo_shows_alerts_again_and_again_and_leaves_nothing_running(tmp_path: Path) -> None:
    data = tmp_path / "data"
    everybody = {"sos": "r-03", "fall": "r-07", "missed_check": "r-05"}
    async with started("demo", *FAST, "--for", "8", "--data", data) as demo:
        assert await alerts(demo) == everybody
        answer = await demo.ends()
    assert answer.code == 0
    assert " 0 messages quarantined" in answer.out.decode()
    assert servers(data) == set()

    async with started("demo", *FAST, "--data", data) as demo:
        assert await alerts(demo) == everybody
        assert {"postgres", "nats-server"} <= servers(data)
        answer = await demo.ends(signal.SIGINT)
    assert answer.code == 0
    assert servers(data) == set()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
async def test_a_demo_stopped_while_it_starts_leaves_nothing_behind(
    stop: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    async with started("demo") as demo:
        await eventually(lambda: servers(tmp_path))
        answer = await demo.ends(stop)
    # Run with -m, CPython ends by SIGINT whatever the exit code, if one came in an `exec` (of a dataclass).
    assert answer.code in {0, -signal.SIGINT}
    assert servers(tmp_path) == set()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    "words", ["--residents 0", "--residents 201", "--speed 0", "--speed nan", "--for 0", "--port 70000"]
)
def test_figures_out_of_range_are_told(words: str) -> None:
    answer = called("demo", *words.split())
    assert answer.code == 2
    assert words.split(maxsplit=1)[0] in answer.err
