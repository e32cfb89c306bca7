"""Who follows README.md literally has a configuration in which people are reached."""

import re
import shutil
from pathlib import Path

from tests.commands.program import REPOSITORY, Answer, called

EXAMPLE = REPOSITORY / "deploy" / "example"


def blocks() -> list[str]:
    return re.findall(
        r"^```toml\n(.*?)^```$", (REPOSITORY / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )


def followed(folder: Path) -> Answer:
    """The check of a home with the example's people and duty, and README's own lines."""
    rule, configuration, ladders = blocks()
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    (folder / "rules.toml").write_text(rule)
    (folder / "ladders.toml").write_text(ladders)
    tables = 'registry = ["places.csv", "residents.csv", "devices.csv"]\nrules = "rules.toml"\n'
    (folder / "shouwang.toml").write_text(tables + configuration)
    return called("check-config", folder / "shouwang.toml")


def test_what_it_says_to_write_is_good_and_reaches_people(tmp_path: Path) -> None:
    answer = followed(tmp_path)
    assert answer.code == 0, answer.err
    assert "no address" not in answer.err
    assert "sent to nobody" not in answer.err


def test_who_cannot_be_told_and_when_nobody_is_are_noted(tmp_path: Path) -> None:
    followed(tmp_path)
    duty, ladders = tmp_path / "duty.toml", tmp_path / "ladders.toml"
    duty.write_text(duty.read_text().replace(', ntfy = "li-na"', ""))
    ladders.write_text(ladders.read_text().replace("repeat", 'between = ["21:00", "07:00"]\nrepeat', 1))
    answer = called("check-config", tmp_path / "shouwang.toml")
    assert answer.code == 0
    assert "note: channel push cannot tell li.na: no address of kind ntfy" in answer.err
    assert "from 07:00 to 21:00 is sent to nobody" in answer.err


def test_its_people_are_those_of_the_example() -> None:
    """A command that is copied from it finds somebody."""
    people = re.findall(r'\[\[person\]\]\nid = "([\w.]+)"', (EXAMPLE / "duty.toml").read_text())
    named = re.findall(r"channels test push --by (\S+) --to ([\w.]+)", (REPOSITORY / "README.md").read_text())
    assert named
    assert set(named[0]) <= set(people)
