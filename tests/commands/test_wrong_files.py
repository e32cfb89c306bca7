"""Files that are not what a command needs: said in words with the file's name, exit 2, never a traceback."""

import os
from pathlib import Path

import pytest

from tests.commands.program import Word, called, shouwang

# Each takes a file that people write; "FILE" stands for it.
READING = [
    "run --config FILE",
    "check-config FILE",
    "decode --topic zigbee2mqtt/button-1 FILE",
    "decode --batch FILE",
    "replay FILE",
    "replay EMPTY --rules FILE",
    "replay EMPTY --registry FILE",
    "registry import --data DATA FILE",
    "simulate kasteren --recording FILE --lines LINES",
]
GARBAGE = bytes(range(255, -1, -1)) * 4


@pytest.fixture(params=READING)
def words(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """A command whose FILE is tmp_path / "file.toml", which the test makes or does not make."""
    (tmp_path / "empty").touch()
    places = {name: str(tmp_path / name.lower()) for name in ("EMPTY", "DATA", "LINES")} | {
        "FILE": str(tmp_path / "file.toml")
    }
    return [places.get(word, word) for word in request.param.split()]


def _told(words: list[str], file: Path, *wanted: str) -> None:
    answer = called(*words)
    assert answer.code == 2
    assert file.name in answer.err
    for word in wanted:
        assert word in answer.err
    assert "Errno" not in answer.err
    assert answer.out == b""


def test_a_missing_file(words: list[str], tmp_path: Path) -> None:
    _told(words, tmp_path / "file.toml", "No such file")


def test_a_folder(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "file.toml").mkdir()
    _told(words, tmp_path / "file.toml", "Is a directory")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "file.toml").write_text("")
    (tmp_path / "file.toml").chmod(0)
    _told(words, tmp_path / "file.toml", "not readable")


def test_garbage(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "file.toml").write_bytes(GARBAGE)
    if words[0] == "decode":  # its business is to say what is wrong with a payload
        answer = called(*words)
        assert answer.code == 3
        assert answer.lines
        assert all(line["rejected"] for line in answer.lines)
    else:
        _told(words, tmp_path / "file.toml", "UTF-8" if words[0] != "simulate" else "utf-8")


def test_the_whole_program_says_the_same(tmp_path: Path) -> None:
    asked: list[list[Word]] = [
        ["check-config", tmp_path],
        ["decode", "--batch", tmp_path],
        ["replay", tmp_path / "none"],
    ]
    for words in asked:
        answer = shouwang(*words)
        assert answer.code == 2
        assert tmp_path.name in answer.err
        assert answer.out == b""


@pytest.mark.parametrize("name", ["none.toml", "folder.toml", "garbage.toml"])
def test_a_scenario_that_is_none(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "garbage.toml").write_bytes(GARBAGE)
    answer = called("simulate", tmp_path / name, "--lines", tmp_path / "lines")
    assert answer.code == 2
    assert name in answer.err


def test_empty_files_hold_nothing(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    asked: list[list[Word]] = [
        ["decode", "--batch", empty],
        ["replay", empty],
        ["replay", empty, "--rules", empty],
    ]
    for words in asked:
        answer = called(*words)
        assert (answer.code, answer.out) == (0, b"")
    assert called("decode", "--topic", "zigbee2mqtt/button-1", empty).code == 3
    assert "header" in called("registry", "import", "--data", tmp_path / "data", empty).err


@pytest.mark.parametrize("command", ["demo", "registry import", "registry export"])
def test_a_data_folder_that_is_a_file(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "homes.toml").write_text("")
    more = [tmp_path / "homes.toml"] if command == "registry import" else []
    answer = called(*command.split(), "--data", tmp_path / "file", *more)
    assert answer.code == 2
    assert "--data" in answer.err
    assert (tmp_path / "file").read_text() == "precious"


def test_text_with_a_mark_before_it_is_text(tmp_path: Path) -> None:
    for name, text in (("rules.toml", ""), ("site.toml", 'site = "h"\n'), ("people.csv", "id,place,name\n")):
        (tmp_path / name).write_text(text, "utf-8-sig")  # as some editors save
    (tmp_path / "lines").touch()
    replayed = called(
        "replay",
        tmp_path / "lines",
        "--rules",
        tmp_path / "rules.toml",
        "--registry",
        tmp_path / "people.csv",
    )
    assert replayed.code == 0
    assert called("check-config", tmp_path / "site.toml").code == 0
