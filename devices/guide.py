"""The connect guide, `devices/README.md`, made of `devices/connect/*.toml` and the catalogue.

Rule: nothing of it is written by hand, so that it says no more and no less than what is understood. Pure but
for `python -m devices.guide`, which prints it (`make guide` puts it in place).
"""

import tomllib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from devices.catalogue import ENTRIES, Entry
from devices.families import FAMILIES
from devices.metrics import METRICS
from devices.notation import claim

_LINES = ("id", "topics", "access", "switch_on", "silence", "watch_out")
_NAMES = {
    "id": ("id in the registry", "登记的编号"),
    "topics": ("topic", "主题"),
    "access": ("broker account", "MQTT 账号"),
    "switch_on": ("switch on", "要打开的设置"),
    "silence": ("when it is silent", "没有消息时"),
    "watch_out": ("watch out", "注意"),
}
_SHOWN_MODELS = 12
"""More than so many are listed in full under a line that opens."""
_SHARED = {
    "lorawan": "LoRaWAN codecs",
    "medical": "medical gateways",
    "thing_model": "thing models of Chinese platforms",
}
"""What dialects of several families are called."""

_HEAD = """# Devices: how to connect them, and what each can tell

*Made by `make guide` from `devices/connect/` and `devices/catalogue/`; changes belong there.*

For every family: a device's id, where it speaks, which account it needs on the broker, what to switch on,
what its silence means, and what to watch out for. Point the device at the broker, run `shouwang listen`,
press its button once, and see what was understood. What was not is in quarantine
(`shouwang quarantine list`), not lost.

每个协议：登记的编号、消息主题、MQTT 账号、要打开的设置、没有消息意味着什么、注意事项。把设备指向
MQTT 服务器，运行 `shouwang listen`，按一次按钮，就能看到识别了什么。未识别的留在隔离区，不会丢失
（`shouwang quarantine list`）。

- **model**: say it in the registry wherever [the tables below](#models) have one: many makers use the same
  word for opposite things. Look it up: `shouwang models MCCGQ11LM`, `shouwang models door`.
- **topics**: by default the service reads every topic of up to four levels; of deeper ones, and of those that
  begin with `$`, it reads those of the families below, under their usual base. A base of your own with more
  levels goes into `[broker] topics` of shouwang.toml. That list replaces the default one: name in it all that
  is to be read.
- **supervision** is a column of the registry's devices: how long the device may be silent, from `1min` to
  `25h` (`90s`, `10min`, `5h`; `25h` unless set). When the last device that somebody can call with (`calls`)
  is silent for longer, that is an alert.
- **downlink**: a device that can show or say something to its wearer (registry column `downlink`, native
  protocol) subscribes to `shouwang/v1/<site>/<device>/command`, JSON: `{"command": "placed", "id": ...,
  "text": {"zh-CN": ..., "en": ...}}`. `placed`: her call was taken; `taken`: somebody is coming; `ask`: is
  all well? She answers before `until` (ms UTC) with the event `help_cancelled` or `check_in`; `end`: show
  nothing more of that `id`.
- **time zone**: local times that a device writes without a zone are read in that of its place: the column
  `timezone` of the registry's places, else `timezone` of
  shouwang.toml (`Asia/Shanghai`).
- **try** needs no hardware: add `-h`, `-u` and `-P` of your broker. The device is not real, but its alert
  is: use a test system.

<!-- -->

- **型号**：只要[下表](#models)列有型号，就请在登记表中写明：同一个词在不同厂家的设备上含义可能相反。
  查询：`shouwang models MCCGQ11LM`、`shouwang models door`。
- **主题**：服务默认读取不超过四级的全部主题；更深的主题和以 `$` 开头的主题，只读取下列各协议的常用主题。
  自定义的更深的基础主题要写进 shouwang.toml 的 `[broker] topics`；它会替换默认列表，请把要读取的主题写全。
- **supervision** 是设备登记表的一列：设备最长可以多久不发消息，`1min` 到 `25h`（不写为 `25h`）。
  老人最后一台能呼救（`calls`）的设备静默超过它，就会报警。
- **downlink**：能向佩戴者显示或播报的设备（登记表 `downlink` 列，原生协议）订阅
  `shouwang/v1/<site>/<device>/command`：`placed` 呼救已收到；`taken` 有人来了；`ask` 询问是否安好，请在
  `until`（毫秒，UTC）之前用事件 `help_cancelled` 或 `check_in` 回答；`end` 不再显示该 `id`。
- **时区**：设备时间不带时区的，按其所在位置的时区解读，即位置登记表的 `timezone` 列，
  不写则用 shouwang.toml 的 `timezone`（默认 `Asia/Shanghai`）。
- **试一试**：无需硬件，按需加上 MQTT 服务器的 `-h`、`-u`、`-P`；设备是假的，报警是真的，请用测试系统。
"""


CONNECT: dict[str, dict[str, Any]] = {
    name: tomllib.loads((files("devices") / "connect" / f"{name}.toml").read_text("utf-8"))
    for name in FAMILIES
}
"""What an installer needs, by family: its `title`; `models`, the dialects of the catalogue that its devices
speak; a message to `try`; and the lines in `en` and `zh`."""


def guide() -> str:
    """The guide as Markdown."""
    parts = [_HEAD, "## Families 协议\n"]
    parts += [f"- [{lines['title']}](#{_anchor(name)}) `{name}`" for name, lines in CONNECT.items()]
    parts.append("")
    for name, lines in CONNECT.items():
        parts.append(f'<a id="{_anchor(name)}"></a>\n\n### {lines["title"]} (`{name}`)\n')
        parts += [f"- **{_NAMES[line][0]}**: {lines['en'][line]}" for line in _LINES]
        parts.append("")
        parts += [f"- **{_NAMES[line][1]}**：{lines['zh'][line]}" for line in _LINES]
        parts.append("")
        if links := _links(lines["models"]):
            parts.append(f"- **models 型号**: {links}")
        parts += [f"- **try 试一试**: `{published(lines['try'])}`", ""]
    parts.append('<a id="models"></a>\n\n## Models 型号\n')
    parts.append(_OF_MODELS)
    for dialect in sorted({entry.dialect for entry in ENTRIES}):
        parts += _table(dialect)
    return "\n".join(parts).rstrip() + "\n"


_OF_MODELS = """The registry's `model` is one of the codes under *models*, alone or after its maker's name, in
any case; or words in which one of those under *words* is found ("SOS pendant of room 12"). A code goes
before words.

登记表的 `model` 写“models 型号”一列的任一型号（前面可带厂家名，不分大小写），或者含有“words 文字”一列的
英文词；型号优先于文字。
"""


def families_of(dialect: str) -> list[str]:
    """The families whose devices speak a dialect of the catalogue."""
    return [family for family, lines in CONNECT.items() if dialect in lines["models"]]


def tells(entry: Entry) -> list[str]:
    """The metrics that the words and examples of an entry speak of, in the vocabulary's order."""
    found = {metric for example in entry.examples for metric in example.says}
    found |= {claim(written).metric for word in entry.words.values() for written in _claims(word)}
    return [name for name in METRICS if name in found]


def _of(dialect: str) -> list[Entry]:
    """The entries of a dialect."""
    return [entry for entry in ENTRIES if entry.dialect == dialect]


def _links(dialects: list[str]) -> str:
    """The tables of a family's models."""
    return ", ".join(f"[{dialect}](#models-{dialect})" for dialect in dialects if _of(dialect))


def published(example: dict[str, str]) -> str:
    """A message as a command for a shell."""
    topic = f"mosquitto_pub -t '{example['topic']}'"
    if "base64" in example:
        return f"echo {example['base64']} | base64 -d | {topic} -s"
    return f"{topic} -m '{example['payload']}'"


def _table(dialect: str) -> list[str]:
    families = ", ".join(
        f"[{CONNECT[family]['title']}](#{_anchor(family)})" for family in families_of(dialect)
    )
    rows = (
        (
            entry.name,
            _models(entry),
            ", ".join(map(_cell, entry.spoken)),
            entry.kind,
            ", ".join(tells(entry)),
            entry.expected,
        )
        for entry in _of(dialect)
    )
    return [
        f'<a id="models-{dialect}"></a>\n\n### {_SHARED.get(dialect, f"`{dialect}`")}\n',
        f"Families 协议: {families}\n",
        "| devices 设备 | models 型号 | words 文字 | kind 种类 | can tell 能报告 | speaks every 间隔 |",
        "|---|---|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def _models(entry: Entry) -> str:
    models = [_cell(model) for model in entry.models]
    if len(models) <= _SHOWN_MODELS:
        return ", ".join(models)
    first = f"{', '.join(models[:_SHOWN_MODELS])} and {len(models) - _SHOWN_MODELS} more"
    return f"<details><summary>{first}</summary>{', '.join(models)}</details>"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _claims(word: object) -> Iterable[str]:
    if isinstance(word, dict):
        return [one for chosen in word.values() for one in _claims(chosen)]
    if isinstance(word, list):
        return [one for listed in word for one in _claims(listed)]
    return [word] if isinstance(word, str) and word not in {"", "?"} else []


def _anchor(name: str) -> str:
    return f"family-{name}"


if __name__ == "__main__":
    print(guide(), end="")  # noqa: T201
