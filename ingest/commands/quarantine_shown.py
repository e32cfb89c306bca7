"""How people are shown what is in quarantine, and what a retry made of it.

Rule: one line a row on any screen, whatever a device said in it; `show` and --json have the whole.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from devices.reading import Reason
from ingest.commands.console import bare

REASONS: Mapping[Reason, str] = {
    Reason.UNKNOWN_TOPIC: "no family uses such a topic 没有协议使用该主题",
    Reason.TOO_LARGE: "longer than any message may be 消息过长",
    Reason.NOT_UTF8: "text that is not UTF-8 不是 UTF-8 文本",
    Reason.NOT_JSON: "broken or cut off JSON, 不是完整的 JSON",
    Reason.TOO_DEEP: "JSON nested too deeply, JSON 嵌套过深",
    Reason.WRONG_SHAPE: "JSON, but not as this family writes it 结构与该协议不符",
    Reason.WRONG_TYPE: "a field's value is of another type than it should be 字段类型不符",
    Reason.UNKNOWN_METRIC: "a field that the native protocol does not have 原生协议没有该字段",
    Reason.UNKNOWN_EVENT: "an event that the native protocol does not have 原生协议没有该事件",
    Reason.NOT_A_NUMBER: "no number where there should be one 应为数值",
    Reason.OUT_OF_RANGE: "a value beyond what can be 数值超出可能范围",
    Reason.UNDECODED: "encrypted or raw bytes that nothing here decodes 加密或原始字节，无法解码",
    Reason.NOT_UNDERSTOOD: "read, but its words are not known of this model: register the model"
    " 已读取，但不认识其内容：请登记型号",
    Reason.EMPTY: "nothing in it 内容为空",
    Reason.UNREGISTERED: "speaks of a resident, and is not registered: register the device, then retry"
    " 设备未登记，不能代报老人情况：登记设备后重试",
    Reason.UNKNOWN_SUBJECT: "about a resident or place that nobody registered: register it, then retry"
    " 所指的老人或地点未登记：登记后重试",
    Reason.UNSTORABLE: "the database refused it 数据库拒绝写入",
    Reason.BUG: "our own mistake: please report it 程序错误，请报告",
}
"""What the words for why mean."""

_PIPED_WIDTH = 160
_WIDE = 110
_HEAD_BYTES = 256
_A_LINE = 16
_MOST_WAITING = 20


def console() -> Console:
    """Where to print: as wide as the terminal, or wide enough for programs."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)


def meaning(reason: str) -> str:
    """What a word for why means, or nothing."""
    return REASONS[Reason(reason)] if reason in REASONS else ""


def print_list(out: Console, rows: Sequence[Mapping[str, Any]], counts: Sequence[Mapping[str, Any]]) -> None:
    """The rows, one a line; then how many there are of each kind, and what the reasons mean."""
    shown = Table(box=None, pad_edge=False, highlight=False, header_style="bold")
    fixed = {
        "id": max(2, *(len(str(row["id"])) for row in rows)),
        "received 收到": 13,
        "reason 原因": 14,
    }
    widths = dict(fixed)
    if out.width >= _WIDE:
        widths["family 协议"] = 15
    widths["device 设备"] = 20 if out.width < _WIDE else 28
    widths["what 说明"] = max(10, out.width - sum(widths.values()) - 2 * len(widths))
    for name, width in widths.items():
        shown.add_column(name, width=width, no_wrap=True, overflow="ellipsis")
    for row in rows:
        cells = {
            "id": str(row["id"]),
            "received 收到": _minute(row["received_at"]),
            "family 协议": row["family"] or "?",
            "device 设备": row["device"] or row["topic"],
            "reason 原因": row["reason"],
            "what 说明": ": ".join(filter(None, (_state(row), row["detail"] or row["shown"]))),
        }
        style = "green" if row["understood_at"] else ""
        shown.add_row(*(Text(bare(cells[name])) for name in widths), style=style)
    out.print(shown)
    for one in counts:
        counted = f"{one['count']:>8}  {one['family'] or '?'}  {one['reason']}"
        said = meaning(one["reason"])
        out.print(counted + (f": {said}" if said else ""), markup=False, soft_wrap=True)


def _state(row: Mapping[str, Any]) -> str:
    """How far a row has been understood; nothing of one that merely waits."""
    if row["understood_at"]:
        return f"understood 已识别, {row['stored']} stored"
    return f"partly 部分, {row['stored']} stored" if row["stored"] else ""


def _minute(at: str) -> str:
    """A time of the API (ISO 8601, UTC) to the minute, as short as it can be told."""
    return f"{datetime.fromisoformat(at):%m-%d %H:%MZ}"


def print_row(row: Mapping[str, Any], payload: bytes | None) -> None:
    """One row whole; `payload` is the message as it came, for who asked for it."""
    out = console()
    for name, value in row.items():
        if name == "message" or (name == "shown" and payload is not None):
            continue
        said = "-" if value in (None, "") else bare(str(value))
        out.print(f"{name:14}{said}", markup=False, soft_wrap=True)
        if name == "reason":
            out.print(f"{'':14}{meaning(row['reason'])}", markup=False, soft_wrap=True)
    if payload is None:
        return
    out.print()
    out.print("\n".join(_as_it_came(payload)), markup=False, soft_wrap=True)


def _as_it_came(payload: bytes) -> Iterator[str]:
    """Text as text, anything else as the head of a hex dump."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        text = "\0"  # as little for people to read as what is no text
    if all(c.isprintable() or c in "\t\r\n" for c in text):
        yield bare(text.replace("\t", " ").replace("\r", "").rstrip("\n"), lines=True)
        return
    for start in range(0, min(len(payload), _HEAD_BYTES), _A_LINE):
        line = payload[start : start + _A_LINE]
        read = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
        yield f"{start:08x}  {line.hex(' '):{3 * _A_LINE}} {read}"
    if len(payload) > _HEAD_BYTES:
        yield f"... and {len(payload) - _HEAD_BYTES} more bytes: --json has them all, in base64"


def print_retried(rows: Sequence[Mapping[str, Any]], *, all_: bool) -> None:
    """Each row on a line: what it says now, or why it waits. Not `all_`: of many that wait the first."""
    out = console()
    width = max((len(str(row["id"])) for row in rows), default=0)
    waiting = 0
    for row in rows:
        waiting += not row["understood"]
        if row["understood"] or row["observations"] or all_ or waiting <= _MOST_WAITING:
            out.print(f"{row['id']:>{width}}  {bare(_result(row))}", markup=False, soft_wrap=True)
    if not all_ and waiting > _MOST_WAITING:
        out.print(f"... of {waiting} that still wait, the first {_MOST_WAITING}: --json has them all")


def _result(row: Mapping[str, Any]) -> str:
    if not row["opened"]:
        return "not opened 无法打开: sealed with a key that is not in the service's data folder"
    said = ", ".join(row["metrics"])
    if row["understood"]:
        before = " (stored before)" if said and not row["observations"] else ""
        return f"understood 已识别: {said or 'nothing to store'}{before}"
    still = f"still 仍 {row['reason']}: {row['detail']}" if row["detail"] else f"still 仍 {row['reason']}"
    return f"partly 部分: {said}; {still}" if said else still
