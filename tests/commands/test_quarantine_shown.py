"""What people see of the quarantine: one line a row at any width, and never what a terminal would obey."""

from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from devices.reading import Reason
from ingest.commands.quarantine_shown import REASONS, print_list, print_retried, print_row

ROW: dict[str, Any] = {
    "id": 17,
    "received_at": "2026-07-13T10:22:33.123+00:00",
    "topic": "zigbee2mqtt/房间 302 的门",
    "device": "房间 302 的门",
    "family": "zigbee2mqtt",
    "reason": "not_understood",
    "detail": "fields: contact, " + ", ".join(f"field_{n}" for n in range(40)),
    "size": 19,
    "shown": '{"contact":false}',
    "stored": 0,
    "retried_at": None,
    "understood_at": None,
}
COUNTS = [{"family": "zigbee2mqtt", "reason": "not_understood", "count": 3}]
WAITS: dict[str, Any] = {
    "id": 1,
    "understood": False,
    "metrics": [],
    "observations": 0,
    "reason": "not_understood",
    "detail": "fields: x",
    "opened": True,
}


def listed(capsys: pytest.CaptureFixture[str], *rows: dict[str, Any], width: int = 160) -> list[str]:
    print_list(Console(width=width, highlight=False), [ROW | row for row in rows], COUNTS)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("width", [80, 100, 240])
def test_a_row_is_one_line(capsys: pytest.CaptureFixture[str], width: int) -> None:
    hostile = {"id": 123_456, "device": "", "topic": "x/" * 200, "detail": "\x1b[2J\n"}
    lines = listed(capsys, {}, hostile, width=width)
    assert len(lines) == 4
    assert all(cell_len(line) <= width for line in lines[:3])
    assert "not_understood" in lines[1]
    assert "fields: contact" in lines[1]
    assert "\x1b" not in lines[2]


def test_the_first_rows_have_a_whole_header(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys, {"id": 1})[0].startswith("id  received")


def test_how_far_a_row_was_understood_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    lines = listed(capsys, {"stored": 5}, {"stored": 2, "understood_at": "2026-07-14T00:00:00+00:00"})
    assert "partly 部分, 5 stored: fields" in lines[1]
    assert "understood 已识别, 2 stored" in lines[2]


def test_the_reasons_that_occur_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert REASONS[Reason.NOT_UNDERSTOOD] in listed(capsys, {})[-1]
    print_row(ROW, None)
    assert REASONS[Reason.NOT_UNDERSTOOD] in capsys.readouterr().out


def test_every_reason_is_explained_in_both_languages() -> None:
    assert REASONS.keys() == set(Reason)
    for said in REASONS.values():
        assert any(c.isascii() for c in said)
        assert any("\u4e00" <= c <= "\u9fff" for c in said)


def test_in_clear_text_is_text_and_anything_else_the_head_of_a_dump(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_row(ROW, '{"名": 1}\r\n'.encode())
    assert capsys.readouterr().out.splitlines()[-1] == '{"名": 1}'
    print_row(ROW, b"\x00\x1b[2J" + bytes(3000))
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("... and 2749 more bytes")
    assert lines[-17].startswith("00000000  00 1b 5b 32 4a 00")
    assert "..[2J." in lines[-17]
    assert not any("\x1b" in line for line in lines)


def test_a_retry_tells_what_each_row_says_now_or_why_it_waits(capsys: pytest.CaptureFixture[str]) -> None:
    understood = WAITS | {"id": 2, "understood": True, "metrics": ["sos", "battery"], "observations": 2}
    rows = [
        WAITS,
        understood,
        WAITS | {"id": 3, "metrics": ["battery"], "observations": 1},
        WAITS | {"id": 4, "opened": False},
        understood | {"id": 15, "observations": 0},
    ]
    print_retried(rows, all_=True)
    assert capsys.readouterr().out.splitlines() == [
        " 1  still 仍 not_understood: fields: x",
        " 2  understood 已识别: sos, battery",
        " 3  partly 部分: battery; still 仍 not_understood: fields: x",
        " 4  not opened 无法打开: sealed with a key that is not in the service's data folder",
        "15  understood 已识别: sos, battery (stored before)",
    ]


def test_of_many_that_wait_the_first_are_told_and_all_that_were_understood(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [WAITS] * 100 + [WAITS | {"id": 2, "understood": True, "metrics": ["sos"], "observations": 1}]
    print_retried(rows, all_=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 22
    assert "sos" in lines[-2]
    assert "of 100 that still wait" in lines[-1]
    print_retried(rows, all_=True)
    assert len(capsys.readouterr().out.splitlines()) == 101
