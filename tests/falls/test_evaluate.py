"""`shouwang falls evaluate`: recordings through the real path, counted, shown, drawn; the same each time."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.falls.people import trained_on
from ingest.falls.perturbing import PERTURBATIONS
from ingest.falls.play import Stopped, placed, play
from ingest.falls.recordings import Recording
from ingest.falls.sending import Sending
from ingest.falls.tables import COLUMNS
from rules.configuration import default
from rules.falls.model import POSITIONS, Forest, Stage, Trees, default_models
from rules.falls.model import write as write_model
from tests.commands.program import REPOSITORY, called, shouwang
from tests.deadline import DEADLINE_S, eventually
from tests.falls.recorded import FALLS, fallen, recording, rows, walked, write

IMPACT_S = 6.02
MODELS = REPOSITORY / "rules" / "falls" / "models"


def a_file(path: Path, *made: Recording) -> Path:
    return write(path, [row for one in made for row in rows(one)])


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    """Three falls of two ages, one of which is not felt, and five walks."""
    old = {"age_group": "elderly"}
    return a_file(
        tmp_path / "made.parquet",
        fallen(1),
        fallen(2, **old),
        recording(np.ones((400, 3)) / 3, is_fall=True, activity="F02", position="waist", **old),
        *(walked(number) for number in range(4)),
        walked(4, **old),
    )


def evaluated(*words: str | Path) -> list[dict[str, Any]]:
    answer = called("falls", "evaluate", *words, "--json")
    assert answer.code == 0, answer.err
    return answer.lines


@pytest.mark.parametrize("window_s", [0.2, 1.0, 2.5])
def test_a_fall_is_called_once_soon_after_its_impact(window_s: float) -> None:
    outcome, said = play(fallen(3), default(), default_models(), Sending(window_s))
    [alarm] = outcome.alarms
    assert alarm.impact_s == pytest.approx(IMPACT_S, abs=0.03)
    assert alarm.provisional
    # The sample at 1.0 s after the impact, then the rest of its window.
    assert 1.0 <= alarm.called_s - alarm.impact_s <= 1.0 + window_s + 0.02
    assert "impact 6.0 g" in alarm.evidence
    judged = placed(fallen(3), said)
    assert [one.impact_s for one in judged if one.fall] == [pytest.approx(IMPACT_S, abs=0.03)]


def test_a_fall_at_the_end_of_a_recording_is_called_once_nothing_more_comes() -> None:
    whole = fallen(3)
    cut = Recording(**{name: getattr(whole, name) for name in Recording.__slots__} | {
        "t_s": whole.t_s[:330], "xyz": whole.xyz[:330]
    })  # fmt: skip
    outcome, _ = play(cut, default(), default_models(), Sending())
    [alarm] = outcome.alarms
    assert alarm.impact_s == pytest.approx(IMPACT_S, abs=0.03)
    assert cut.duration_s < alarm.called_s < cut.duration_s + 5


def test_walking_is_judged_and_calls_nobody() -> None:
    one = walked(1)
    outcome, said = play(one, default(), default_models(), Sending())
    assert outcome.alarms == ()
    assert {each.stage for each in said} == set(Stage)
    assert not any(each.fall for each in placed(one, said))


def test_every_figure_of_a_set(file: Path) -> None:
    [found] = evaluated(file)
    assert (found["set"], found["perturbation"]) == ("made/waist", "plain")
    assert (found["recordings"], found["falls"], found["others"]) == (8, 3, 5)
    assert found["hours"] == pytest.approx(5 * 14 / 3600)
    assert found["sensitivity"] == pytest.approx(2 / 3)
    assert found["sensitivity_95"] == pytest.approx([0.2077, 0.9385], abs=1e-3)
    assert (found["specificity"], found["specificity_95"][1]) == (1.0, 1.0)
    assert (found["false_alarms_per_hour"], found["false_alarms_per_hour_95"][0]) == (0.0, 0.0)
    assert found["false_alarms_per_hour_95"][1] == pytest.approx(3.65 / found["hours"], rel=0.02)
    assert found["delay_from_impact_s"]["of"] == 2
    assert 1.0 <= found["delay_from_impact_s"]["p50"] <= found["delay_from_impact_s"]["p90"] <= 2.02
    assert found["delay_from_fall_start_s"] == {"of": 0, "p50": None, "p90": None}
    assert found["at_1.0_s"].keys() == found["at_2.5_s"].keys()
    assert found["at_2.5_s"].items() <= found.items()
    ages = found["age_groups"]
    assert {age: (each["falls"], each["others"], each["sensitivity"]) for age, each in ages.items()} == {
        "young": (1, 4, 1.0),
        "elderly": (2, 1, 0.5),
    }
    assert [(each["activity"], each.get("missed"), each.get("false")) for each in found["activities"]] == [
        ("F01", 0, None),
        ("F02", 1, None),
        ("D01", None, 0),
    ]
    assert (found["missed"], found["false"]) == (["made/waist/s1/F02/01"], [])
    assert (found["people"], found["people_trained_on"]) == (1, 0)
    assert found["falls_without_impact"] == ["made/waist/s1/F02/01"]


def decided(folder: Path, provisional: float, final: float) -> Path:
    """Models that are this sure of every impact, and call a fall from 0.5 on."""
    folder.mkdir()
    for position in POSITIONS:
        leaves = {Stage.PROVISIONAL: provisional, Stage.FINAL: final}
        trees = {stage: _leaf(np.log(sure / (1 - sure))) for stage, sure in leaves.items()}
        (folder / f"{position}.npz").write_bytes(write_model(Trees(trees)))
    return folder


def _leaf(value: float) -> Forest:
    one = np.zeros(1, np.int32)
    return Forest(np.full(1, -1, np.int16), np.full(1, value, np.float32), one, one, one, 0.5)


def test_what_is_decided_late_counts_only_where_late_decisions_do(file: Path, tmp_path: Path) -> None:
    [late] = evaluated(file, "--models", decided(tmp_path / "late", provisional=0.1, final=0.9))
    soon, all_of_it = late["at_1.0_s"], late["at_2.5_s"]
    assert (soon["sensitivity"], soon["specificity"], soon["false_alarms_per_hour"]) == (0.0, 1.0, 0.0)
    assert (all_of_it["sensitivity"], all_of_it["specificity"]) == (pytest.approx(2 / 3), 0.0)
    assert 2.5 <= all_of_it["delay_from_impact_s"]["p50"] <= 3.52
    assert len(late["false"]) == 5
    said = called("falls", "evaluate", file, "--models", tmp_path / "late").out.decode().splitlines()
    rows_of = {time: next(line for line in said if f"by {time}" in line) for time in ("1.0 s", "2.5 s")}
    assert " 0/3 " in rows_of["1.0 s"]
    assert " 2/3 " in rows_of["2.5 s"]
    [early] = evaluated(file, "--models", decided(tmp_path / "soon", provisional=0.9, final=0.1))
    assert early["at_1.0_s"] == early["at_2.5_s"]
    assert early["specificity"] == 0.0


def test_every_fall_that_is_called_in_daily_life_is_a_false_alarm(tmp_path: Path) -> None:
    """One that is called holds for 10 s; of two within 24 s two are called."""
    up = np.tile([0.0, 0.0, 1.0], (1200, 1))
    up[[300, 900]] = [0.0, 0.0, 4.0]
    file = a_file(tmp_path / "knocks.parquet", recording(up))
    [found] = evaluated(file, "--models", decided(tmp_path / "soon", provisional=0.9, final=0.9))
    assert found["false_alarms_per_hour"] == pytest.approx(2 / (24 / 3600))
    assert found["specificity"] == 0.0


def test_recordings_that_no_device_sends_are_named_and_counted_nowhere(file: Path, tmp_path: Path) -> None:
    slow, strong = recording(np.ones((40, 3)), fs=2.0, position="waist"), recording(np.full((100, 3), 500.0))
    odd = a_file(tmp_path / "odd.parquet", slow, strong)
    [alone] = evaluated(file)
    waist, wrist = evaluated(file, odd)
    assert alone["refused"] == []
    assert waist == alone | {
        "refused": [
            {
                "recording": slow.name,
                "reason": "t_s gives a rate that no device has: 5 to 1000 Hz",
                "seen": "2 Hz",
            }
        ]
    }
    assert (wrist["set"], wrist["recordings"], wrist["hours"], wrist["specificity"]) == (
        "made/wrist",
        0,
        0,
        None,
    )
    assert [one["recording"] for one in wrist["refused"]] == [strong.name]
    said = called("falls", "evaluate", file, odd).out.decode()
    assert f"未计入: 1: t_s gives a rate that no device has: 5 to 1000 Hz: {slow.name} (2 Hz)" in said
    assert f"{strong.name} (500 g)" in said
    answer = called("falls", "evaluate", odd)
    assert (answer.code, answer.out) == (2, b"")
    assert "2 problems found; there is no recording that can be played." in answer.err
    answer = called("falls", "evaluate", odd, "--json")
    assert answer.code == 2
    assert [one["refused"] for one in answer.lines] == [waist["refused"], wrist["refused"]]


def test_help_tells_what_every_column_means() -> None:
    said = called("falls", "evaluate", "--help").out.decode()
    for name in COLUMNS:
        assert name in said
    for words in ("in seconds 秒, not ms", "in g, gravity included", "1 in all rows of", "are one recording"):
        assert words in " ".join(said.split())


def test_what_seems_to_be_in_another_unit_is_asked_for_once(file: Path, tmp_path: Path) -> None:
    in_ms2 = [walked(number, subject="s2") for number in range(2)]
    path = a_file(tmp_path / "a.csv", *(replace(one, xyz=one.xyz * 9.80665) for one in in_ms2))
    answer = called("falls", "evaluate", file, path, "--json")
    assert answer.code == 0
    [line] = [line for line in answer.err.splitlines() if "m/s²" in line]
    assert line.startswith(f"{in_ms2[0].name} and 1 more: at rest this measures 9.")
    assert "请除以 9.80665" in line


def test_from_where_a_fall_was_noted_to_begin(tmp_path: Path) -> None:
    one = fallen(1, fall_start_s=5.0, fall_end_s=7.0)
    [found] = evaluated(a_file(tmp_path / "noted.csv", one))
    delays = found["delay_from_fall_start_s"]
    assert delays["p50"] == pytest.approx(found["delay_from_impact_s"]["p50"] + IMPACT_S - 5.0, abs=0.03)
    assert found["specificity"] is None
    assert found["false_alarms_per_hour_95"] is None


def test_sets_are_of_a_dataset_and_a_position_whatever_file_they_are_in(tmp_path: Path) -> None:
    first = a_file(tmp_path / "a.parquet", fallen(1), walked(1, position="wrist"))
    second = a_file(tmp_path / "b.csv", walked(1), walked(1, dataset="other"))
    found = [(one["set"], one["falls"], one["others"]) for one in evaluated(first, second)]
    assert found == [("made/waist", 1, 1), ("made/wrist", 0, 1), ("other/waist", 0, 1)]


def test_people_get_a_table_with_intervals_and_what_was_wrong(file: Path) -> None:
    answer = called("falls", "evaluate", file)
    said = answer.out.decode()
    assert answer.code == 0
    for words in (
        "made/waist",
        "by 1.0 s",
        "elderly",
        "0.667 (0.208-0.939) 2/3",
        "F02: 1 of 1 missed 漏报",
        "made/waist/s1/F02/01",
        "nothing moves by half a g",
        "1 people 人",
        "灵敏度",
    ):
        assert words in said
    assert "changed" not in said
    assert "trained on" not in said
    assert len(max(said.partition("95 % intervals")[0].splitlines(), key=len)) <= 160


def test_figures_of_people_whom_the_models_know_are_marked(tmp_path: Path) -> None:
    known = min(trained_on(None))
    study, _, subject = known.partition("/")
    file = a_file(
        tmp_path / "a.csv", fallen(1, dataset=f"{study}_x", subject=subject), walked(1, dataset=study)
    )
    first, second = evaluated(file)
    assert [(one["set"], one["people_trained_on"]) for one in (first, second)] == [
        (f"{study}/waist", 0),
        (f"{study}_x/waist", 1),
    ]
    said = called("falls", "evaluate", file).out.decode()
    assert f"{study}_x/waist *" in said
    assert f"{study}/waist *" not in said
    assert "* people the models were trained on" in said
    folder = decided(tmp_path / "others", 0.9, 0.9)
    (folder / "people.txt").write_text(f"{study}/s1\n")
    assert [one["people_trained_on"] for one in evaluated(file, "--models", folder)] == [1, 0]


def test_what_is_done_to_recordings_is_told_beside_them(file: Path) -> None:
    found = evaluated(file, "--perturb", "axes, clip-4g", "--perturb", "axes,")
    assert [one["perturbation"] for one in found] == ["plain", "axes", "clip-4g"]
    assert found[0] == found[1] | {"perturbation": "plain"}  # which way it is worn makes no difference
    said = called("falls", "evaluate", file, "--perturb", "flips").out.decode()
    assert "axes flipped" in said


def test_how_many_processes_play_makes_no_difference(file: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "ingest",
        "falls",
        "evaluate",
        file,
        "--json",
        "--perturb",
        "all",
        "--jobs",
    ]
    one, two = (
        subprocess.run([*words, jobs], cwd=REPOSITORY, capture_output=True, check=True) for jobs in "12"
    )
    assert one.stdout == two.stdout
    assert [json.loads(line)["perturbation"] for line in one.stdout.splitlines()] == list(PERTURBATIONS)


def test_pictures_of_all_of_some_and_of_what_was_wrong(file: Path, tmp_path: Path) -> None:
    for words, count in (
        ([], 8),
        (["--only", "D01"], 5),
        (["--only", "wrong"], 1),
        (["--only", "nobody"], 0),
    ):
        folder = tmp_path / ("-".join(words) or "all")
        answer = called("falls", "evaluate", file, "--pictures", folder, *words)
        assert answer.code == 0
        assert f"pictures 图片: {count} in {folder}" in answer.err
        assert ("--only nobody: no recording has this in its name" in answer.err) is ("nobody" in words)
        drawn = sorted(folder.iterdir())
        assert len(drawn) == count
        assert all(one.read_bytes().startswith(b"\x89PNG") for one in drawn)
    assert [one.name for one in (tmp_path / "--only-wrong").iterdir()] == ["made-waist-s1-F02-01.png"]


def test_every_recording_and_perturbation_has_a_picture_of_its_own(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "drawn"
    words = ["--pictures", folder, "--only", "F01/01", "--perturb", "gain+10,gain-10"]
    assert called("falls", "evaluate", file, a_file(tmp_path / "b.csv", fallen(1)), *words).code == 0
    names = {f"made-waist-s1-F01-01{more}" for more in ("", "-gain+10", "-gain-10")}
    again = {name.replace("F01-01", "F01-01#2") for name in names}
    assert {one.stem for one in folder.iterdir()} == names | again


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_disk_that_is_full_is_told_in_a_line(jobs: str, file: Path, tmp_path: Path) -> None:
    (tmp_path / "made-waist-s1-F02-01.png").symlink_to("/dev/full")
    words = ["--pictures", tmp_path, "--only", "F02", "--perturb", "all", "--jobs", jobs]
    answer = shouwang("falls", "evaluate", file, *words)
    assert (answer.code, answer.out) == (1, b"")
    path = tmp_path / "made-waist-s1-F02-01.png"
    assert answer.err.strip() == f"shouwang: --pictures: cannot be written: {path}: No space left on device"


def test_other_models_decide_otherwise(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    for position, taken in (("waist", "wrist"), ("wrist", "waist"), ("unknown", "unknown")):
        (folder / f"{position}.npz").write_bytes((MODELS / f"{taken}.npz").read_bytes())
    assert evaluated(file, "--models", folder)[0]["sensitivity"] != evaluated(file)[0]["sensitivity"]
    assert evaluated(file, "--models", MODELS) == evaluated(file)


def test_whoever_asks_for_what_is_not_there_is_told_what_to_do(file: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "waist.npz").write_bytes(b"none")
    decided(tmp_path / "damaged", provisional=0.5, final=0.5)
    (tmp_path / "damaged" / "wrist.npz").write_bytes(b"none")
    (decided(tmp_path / "garbled", 0.5, 0.5) / "people.txt").write_bytes(b"\xff")
    (decided(tmp_path / "folder", 0.5, 0.5) / "people.txt").mkdir()
    (tmp_path / "a file").write_bytes(b"")
    good = rows(walked(1))
    bad = write(tmp_path / "bad.parquet", good, without="t_s")
    for words, why in (
        ([tmp_path / "none.parquet"], "cannot be read: No such file"),
        ([file, bad, tmp_path / "none.csv"], "columns missing: t_s"),
        ([file, bad, tmp_path / "none.csv"], "2 problems found"),
        ([file, "--perturb", "moon"], "moon is none of all, plain, axes"),
        ([file, "--models", tmp_path / "nowhere"], "No such folder: a folder is needed with waist.npz"),
        ([file, "--models", tmp_path / "broken"], "broken: not there: wrist.npz, unknown.npz: "),
        ([file, "--models", tmp_path / "damaged"], "wrist.npz: no model, or damaged: make it with python"),
        ([file, "--models", tmp_path / "garbled"], "people.txt: is not UTF-8: a person a line"),
        ([file, "--models", tmp_path / "folder"], "people.txt: Is a directory"),
        (
            [file, "--pictures", tmp_path / "a file" / "x"],
            "cannot be written: Not a directory: name a folder",
        ),
        ([file, "--pictures", tmp_path / "a file"], "a file is a file: name a folder"),
        ([file, "--pictures", "/proc"], "--pictures: /proc cannot be written: "),
        ([file, "--only", "wrong"], "--only: of which pictures? Name a folder for them: --pictures"),
        ([file, "--perturb", "plain,moon"], "--perturb: moon is none of all"),
        ([file, "--window", "0"], "--window"),
    ):
        answer = called("falls", "evaluate", *words)
        assert answer.code == 2, (words, answer)
        assert why in answer.err
        assert not answer.out


def test_rows_that_hold_no_number_are_counted(tmp_path: Path) -> None:
    listed = rows(walked(1))
    listed[5] |= {"ax_g": None}
    answer = called("falls", "evaluate", write(tmp_path / "a.parquet", listed))
    assert "rows without a number, left out: 1" in answer.err


@pytest.mark.skipif(not FALLS.is_dir(), reason="the developers' ../shared/falls is not there")
def test_recorded_people_through_the_real_path() -> None:
    [found] = evaluated(FALLS / "umafall_waist.dev.parquet")
    assert (found["falls"], found["others"]) == (51, 199)
    assert found["sensitivity"] >= 0.95  # the models know these people: that little is lost on the way
    assert found["specificity"] >= 0.98


@pytest.mark.parametrize("words", ["", "--pictures pictures"])
def test_whoever_lacks_the_extra_is_told_to_install_it(words: str, file: Path, tmp_path: Path) -> None:
    missing = "matplotlib" if words else "pyarrow"
    program = f"import sys; sys.modules[{missing!r}] = None; from ingest.__main__ import main; main()"
    command = [sys.executable, "-c", program, "falls", "evaluate", file, *words.split()]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"pip install 'shouwang[falls]'" in done.stderr
    assert b"Traceback" not in done.stderr


def test_what_nobody_waits_for_is_not_played_on() -> None:
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        play(fallen(3), default(), default_models(), Sending(), lambda: next(asked))
    assert next(asked, None) is None


async def test_who_interrupts_it_is_left_with_no_process(file: Path) -> None:
    files = [file] * 8  # enough to be interrupted in
    obeying = ["env", "--default-signal=INT", sys.executable]  # also where the tests run in the background
    command = [*obeying, "-m", "ingest", "falls", "evaluate", *files, "--perturb", "all", "--jobs", "2"]
    with subprocess.Popen(  # noqa: ASYNC220  nothing else waits
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        await eventually(lambda: len(_players(process.pid)) == 2)
        players = _players(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        answer, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert said.decode().split() == ["stopping", "正在停止"]
    assert not answer
    await eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in players))


def _players(pid: int) -> list[str]:
    """The processes that play, and have begun to: those of multiprocessing but its resource tracker."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [child for task in tasks for child in task.read_text().split()]
    spawned = [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return [child for child in spawned if "multiarray" in Path(f"/proc/{child}/maps").read_text()]
