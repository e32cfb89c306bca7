"""`registry import` and `export`: all or nothing, every wrong row named, and what goes in comes out."""

from pathlib import Path

import pytest

from tests.commands.program import Answer, called

PLACES = (
    "id,kind,name,parent,timezone\nh,site,守望颐养院,,Asia/Shanghai\nroom-1,room,1,h,\nbed-1,bed,1,room-1,\n"
)
RESIDENTS = "id,place,name,care_level,away\nr-1,bed-1,王秀英,1,\n"
DEVICES = """
[[device]]
id = "button-1"
kind = "button"
resident = "r-1"
site = "home-1"
calls = true
"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A small home in three files."""
    found = []
    for name, text in (("places.csv", PLACES), ("residents.csv", RESIDENTS), ("devices.toml", DEVICES)):
        (tmp_path / name).write_text(text, "utf-8")
        found.append(tmp_path / name)
    return found


def put(data: Path, *files: Path) -> Answer:
    return called("registry", "import", "--data", data, *files)


def taken(data: Path) -> bytes:
    answer = called("registry", "export", "--data", data)
    assert answer.code == 0, answer.err
    return answer.out


def test_tables_and_toml_are_taken_together(files: list[Path], tmp_path: Path) -> None:
    answer = put(tmp_path / "data", *files)
    assert answer.code == 0
    assert "1 residents, 3 places, 1 devices" in answer.err
    assert "王秀英" in taken(tmp_path / "data").decode()


def test_what_was_exported_imports_as_the_same(files: list[Path], tmp_path: Path) -> None:
    put(tmp_path / "data", *files)
    exported = tmp_path / "exported.toml"
    exported.write_bytes(taken(tmp_path / "data"))
    assert put(tmp_path / "other", exported).code == 0
    assert taken(tmp_path / "other") == exported.read_bytes()


def test_importing_twice_changes_nothing(files: list[Path], tmp_path: Path) -> None:
    put(tmp_path / "data", *files)
    once = taken(tmp_path / "data")
    assert put(tmp_path / "data", *files).code == 0
    assert taken(tmp_path / "data") == once


def test_the_same_id_again_is_a_change(files: list[Path], tmp_path: Path) -> None:
    put(tmp_path / "data", *files)
    files[1].write_text(RESIDENTS.replace(",1,", ",3,"), "utf-8")
    assert put(tmp_path / "data", files[1]).code == 0
    assert b'care_level = "3"' in taken(tmp_path / "data")
    assert taken(tmp_path / "data").count(b"[[resident]]") == 1


def test_wrong_rows_are_all_named_and_nothing_is_taken(files: list[Path], tmp_path: Path) -> None:
    put(tmp_path / "data", *files)
    before = taken(tmp_path / "data")
    more = tmp_path / "more.csv"
    more.write_text("id,place,name,care_level\nr-2,bed-1,B,2\nr-3,bed-99,C,2\nr-4,bed-1,D,9\n")
    answer = put(tmp_path / "data", more)
    assert answer.code == 2
    assert f"{more}:3: " in answer.err
    assert "bed-99" in answer.err
    assert f"{more}:4: " in answer.err
    assert "2 problems found; nothing was changed." in answer.err
    assert taken(tmp_path / "data") == before


def test_an_unknown_model_is_taken_with_a_note(tmp_path: Path) -> None:
    table = tmp_path / "devices.csv"
    table.write_text("id,kind,model\nd1,contact,MCCGQ11LM\nd2,contact,NOSUCH-1\n")
    answer = put(tmp_path / "data", table)
    assert answer.code == 0
    (note,) = [line for line in answer.err.splitlines() if line.startswith("note: ")]
    assert "NOSUCH-1" in note
    assert "MCCGQ11LM" not in note
    assert b"NOSUCH-1" in taken(tmp_path / "data")


def test_only_an_import_says_that_nothing_was_changed(tmp_path: Path) -> None:
    broken = tmp_path / "shouwang.toml"
    broken.write_text("nonsense = 1\n")
    answer = called("check-config", broken)
    assert answer.code == 2
    assert "1 problem found." in answer.err
    assert "changed" not in answer.err


def test_a_first_import_that_fails_leaves_no_registry(tmp_path: Path) -> None:
    (tmp_path / "residents.csv").write_text("id,place\nr-1,bed-1\n")
    assert put(tmp_path / "data", tmp_path / "residents.csv").code == 2
    answer = called("registry", "export", "--data", tmp_path / "data")
    assert (answer.code, answer.out) == (2, b"")
    assert "--data" in answer.err


def test_twenty_thousand_devices(files: list[Path], tmp_path: Path) -> None:
    many = tmp_path / "many.csv"
    rows = (f"button-{n:05},button,r-1,home-1,yes\n" for n in range(20_000))
    many.write_text("id,kind,resident,site,calls\n" + "".join(rows))
    answer = put(tmp_path / "data", *files, many)
    assert answer.code == 0
    assert "20001 devices" in answer.err
    assert taken(tmp_path / "data").count(b"[[device]]") == 20_001


def test_a_handful_of_wrong_rows_among_many_changes_nothing(files: list[Path], tmp_path: Path) -> None:
    put(tmp_path / "data", *files)
    before = {file: file.read_bytes() for file in (tmp_path / "data").iterdir()}
    many = tmp_path / "many.csv"
    wrong = {17: "r-9,yes", 4_000: "r-1,perhaps", 9_999: "nobody,no"}
    rows = (f"button-{n:05},button,{wrong.get(n, 'r-1,yes')}" for n in range(10_000))
    many.write_text("\n".join(["id,kind,resident,calls", *rows]))
    answer = put(tmp_path / "data", many)
    assert answer.code == 2
    assert [line.split(": ")[0] for line in answer.err.splitlines() if str(many) in line] == [
        f"{many}:{n + 2}" for n in wrong
    ]
    assert {file: file.read_bytes() for file in (tmp_path / "data").iterdir()} == before
