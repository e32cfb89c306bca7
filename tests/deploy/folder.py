"""The deployment's folder, as tests see it."""

import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"


def make_secrets(folder: Path, *words: str, code: int = 0) -> str:
    """Run make_secrets.py as people do; what it printed, or its complaint when `code` says that it fails."""
    done = subprocess.run(
        [sys.executable, folder / "make_secrets.py", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def installed(folder: Path) -> Path:
    """A copy of deploy/ in this folder, as somebody has it who has run make_secrets.py."""
    copy = folder / "deploy"
    shutil.copytree(DEPLOY, copy, ignore=shutil.ignore_patterns("secrets", "__pycache__"))
    make_secrets(copy)
    return copy


def uncommented(text: str) -> str:
    """The text of a configuration with all that is off in it ("#" and no blank) switched on."""
    lines = text.splitlines(keepends=True)
    return "".join(line[1:] if line.startswith("#") and line[1:2].strip() else line for line in lines)
