"""Whom models were trained on: a file beside them. Rule: a person is one over all sets of a study.

Figures of people whom a model has learned from say more of it than those of others will.
"""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from ingest.falls.recordings import Recording

PEOPLE = "people.txt"
"""A person a line, as `Recording.person` names them. None is named where nothing is known of a model."""


def listed(recordings: Iterable[Recording]) -> str:
    """The text of the file of models that are trained on these."""
    return "".join(f"{one}\n" for one in sorted({one.person for one in recordings}))


def trained_on(models: Path | None) -> frozenset[str]:
    """The people of the models of a folder (None: of those that come with the program).

    Raises OSError or ValueError where the file is there and cannot be read.
    """
    file = files("rules.falls") / "models" / PEOPLE if models is None else models / PEOPLE
    try:
        return frozenset(file.read_text("utf-8").splitlines())
    except FileNotFoundError:
        return frozenset()
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: is not UTF-8: a person a line is needed") from error
