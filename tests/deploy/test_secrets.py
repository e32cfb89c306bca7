"""make_secrets.py: makes what is missing, keeps what is there, closes the folder, manages accounts."""

import re
import stat
import subprocess
from pathlib import Path

import pytest

from tests.deploy.folder import DEPLOY, REPOSITORY, make_secrets


def test_every_secret_is_made_once_and_then_kept(installation: Path) -> None:
    folder = installation / "secrets"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert all(before.values())
    (folder / "api_token").unlink()
    make_secrets(installation)
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {"api_token"}


def test_no_two_secrets_are_alike_and_none_is_short(installation: Path) -> None:
    made = {path.name: path.read_text().strip() for path in (installation / "secrets").iterdir()}
    assert made["db_dsn"] == f"postgresql://shouwang:{made['db_password']}@timescaledb:5432/shouwang"
    assert len(set(made.values())) == len(made)
    assert min(map(len, made.values())) >= 32


def test_others_on_the_host_cannot_read_them(installation: Path) -> None:
    assert stat.S_IMODE((installation / "secrets").stat().st_mode) == 0o700


def test_an_account_is_printed_once_and_kept_as_a_hash(installation: Path) -> None:
    accounts = installation / "secrets" / "mqtt_accounts"
    name, password = make_secrets(installation, "add", "watch-01").split()
    assert name == "watch-01"
    assert re.fullmatch(r"shouwang:\$7\$\d+\$\S+\$\S+\nwatch-01:\$7\$\d+\$\S+\$\S+\n", accounts.read_text())
    assert password not in accounts.read_text()
    assert "already" in make_secrets(installation, "add", "watch-01", code=1)


def test_the_file_of_accounts_stays_the_same_file(installation: Path) -> None:
    # A container that mounted it would keep the old one otherwise.
    accounts = installation / "secrets" / "mqtt_accounts"
    before = accounts.stat().st_ino, accounts.read_text()
    make_secrets(installation, "add", "watch-01")
    make_secrets(installation, "remove", "watch-01")
    assert (accounts.stat().st_ino, accounts.read_text()) == before


@pytest.mark.parametrize("name", ["shouwang", "alerts", "", "a:b", "a b", "+", "#", "x" * 65, "a\n"])
def test_names_that_would_reach_further_than_a_device_are_refused(installation: Path, name: str) -> None:
    before = (installation / "secrets" / "mqtt_accounts").read_text()
    make_secrets(installation, "add", name, code=1)
    assert (installation / "secrets" / "mqtt_accounts").read_text() == before


@pytest.mark.parametrize("name", ["shouwang", "nobody-there"])
def test_the_service_s_account_and_unknown_ones_are_not_removed(installation: Path, name: str) -> None:
    assert name in make_secrets(installation, "remove", name, code=1)


def test_wrong_usage_is_told_how_to_do_it(installation: Path) -> None:
    assert "add NAME" in make_secrets(installation, "delete", "watch-01", code=1)


def test_git_never_takes_a_secret() -> None:
    (kept,) = subprocess.run(
        ["git", "ls-files", "deploy/secrets"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split()
    assert kept == "deploy/secrets/.gitignore"
    rules = (DEPLOY / "secrets" / ".gitignore").read_text().splitlines()
    assert [rule for rule in rules if not rule.startswith("# ")] == ["*", "!.gitignore"]
