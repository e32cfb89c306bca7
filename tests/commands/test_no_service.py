"""A command where no service runs, or none that it could know of: what to do next is said."""

from pathlib import Path

import pytest

from tests.commands.program import called

WAYS = [("alerts", "list"), ("duty", "show"), ("channels", "list"), ("report", "handover")]


@pytest.mark.parametrize("way", WAYS)
def test_without_a_configuration(way: tuple[str, ...], tmp_path: Path) -> None:
    answer = called(*way, "--config", tmp_path / "none.toml")
    assert answer.code == 2
    for word in ("none.toml", "--config", "--api"):
        assert word in answer.err


def test_an_address_alone_wants_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOUWANG_API__TOKEN", raising=False)
    answer = called("alerts", "list", "--config", tmp_path / "none.toml", "--api", "http://127.0.0.1:1")
    assert answer.code == 2
    for word in ("--token-file", "SHOUWANG_API__TOKEN"):
        assert word in answer.err


@pytest.mark.parametrize("way", WAYS)
def test_a_service_that_was_never_started_has_no_token(way: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "shouwang.toml").touch()
    answer = called(*way, "--config", tmp_path / "shouwang.toml")
    assert answer.code == 1
    assert "api-token holds no token: is the service running?" in answer.err
