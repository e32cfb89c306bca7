"""A picture of a recording: a PNG that shows what came of it, the same bytes each time."""

from pathlib import Path

import numpy as np
import pytest

from ingest.falls.figures import Alarm, Outcome
from ingest.falls.picture import Judged, draw, file_name, result
from tests.falls.recorded import recording

STILL = recording(np.tile([0.0, 0.0, 1.0], (500, 1)))
FALLEN = recording(
    np.tile([0.0, 0.0, 1.0], (500, 1)), is_fall=True, fall_start_s=3.0, fall_end_s=4.0, trial="<b>/../x y"
)
CALLED = Alarm(4.0, 5.5, True, 0.9, "impact 3.1 g")


def outcome(*alarms: Alarm, is_fall: bool) -> Outcome:
    return Outcome("made/wrist", "x", "young", "a", is_fall, 10.0, None, alarms)


@pytest.mark.parametrize("one", [STILL, FALLEN])
def test_the_same_recording_is_the_same_picture(one: object, tmp_path: Path) -> None:
    judged = [Judged(4.0, True, True, 0.9, "impact"), Judged(6.0, False, False, 0.1, "moving")]
    for name in ("a.png", "b.png"):
        draw(one, outcome(CALLED, is_fall=True), judged, tmp_path / name)  # type: ignore[arg-type]
    first, again = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == again
    assert first.startswith(b"\x89PNG")
    others = {first}
    later = CALLED._replace(called_s=7.5)
    for alarms, some in (((), judged), ((CALLED,), []), ((CALLED,), judged[1:]), ((later,), judged)):
        draw(one, outcome(*alarms, is_fall=True), some, tmp_path / "c.png")  # type: ignore[arg-type]
        others.add((tmp_path / "c.png").read_bytes())
    assert len(others) == 5


def test_one_sample_is_a_picture(tmp_path: Path) -> None:
    draw(recording([[0.0, 0.0, 1.0]]), outcome(is_fall=False), [], tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_the_words_for_what_came_of_it() -> None:
    said = [result(outcome(*alarms, is_fall=fall)) for fall in (True, False) for alarms in ((), (CALLED,))]
    assert said == ["fall, missed", "fall, detected", "no fall, none called", "no fall, 1 called"]


def test_a_file_is_called_like_its_recording_and_leaves_no_folder() -> None:
    assert file_name(STILL) == "made-wrist-s1-walking-01.png"
    assert file_name(STILL, "clip-4g") == "made-wrist-s1-walking-01-clip-4g.png"
    assert file_name(FALLEN) == "made-wrist-s1-walking--b--..-x-y.png"
    assert "/" not in file_name(FALLEN)
