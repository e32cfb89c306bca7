"""The connect guide, `devices/README.md`, made of `devices/connect/*.toml` and the catalogue.

Rule: nothing of it is written by hand, so that it says no more and no less than what is understood. Pure but
for `python -m devices.guide`, which prints it (`make guide` puts it in place).
"""

import tomllib
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Any

from devices.catalogue import ENTRIES, Entry
from devices.families import FAMILIES
from devices.metrics import METRICS
from devices.words import claim

_LINES = ("topics", "access", "switch_on", "silence", "watch_out")
_NAMES = {
    "topics": ("topic", "主题"),
    "access": ("broker account", "代理账号"),
    "switch_on": ("switch on", "要打开的设置"),
    "silence": ("when it is silent", "没有消息时"),
    "watch_out": ("watch out", "注意"),
}
_MOST_MODELS = 40
_SHARED = {
    "lorawan": "LoRaWAN codecs (tts3, chirpstack4)",
    "medical": "medical gateways (ava4, ath, qube-vital, healthdata2mqtt)",
    "thing_model": "thing models of Chinese platforms (aliyun, das-aiot, huawei-iotda, jetlinks ...)",
    "names": "names of entities and metrics (homeassistant, esphome, homie5, sparkplug-b, thingsboard)",
}
"""Dialects of several families."""

_HEAD = """# Devices: how to connect them, and what each can tell

*Made by `make guide` from `devices/connect/` and `devices/catalogue/`; changes belong there.*

For every family: where it speaks, which account it needs on the broker, what to switch on, what its silence
means, and what to watch out for. Point the device at the broker, run `shouwang listen`, press its button
once, and see what was understood. What was not is in quarantine (`shouwang quarantine list`), not lost.

每个协议：消息主题、代理账号、要打开的设置、没有消息意味着什么、注意事项。把设备指向代理，运行
`shouwang listen`，按一次按钮，就能看到识别了什么。未识别的留在隔离区，不会丢失
（`shouwang quarantine list`）。

Say a device's model in the registry wherever the table below has one: many makers use the same word for
opposite things. 只要下表列有型号，就请在登记表中写明：同一个词在不同厂家的设备上含义可能相反。
"""


def guide() -> str:
    """The guide as Markdown."""
    connect = dict(_connect())
    parts = [_HEAD, "## Families 协议\n"]
    parts.append(" · ".join(f"[{connect[name]['title']}](#{_anchor(name)})" for name in connect) + "\n")
    for name, lines in connect.items():
        parts.append(f'<a id="{_anchor(name)}"></a>\n\n### {lines["title"]} (`{name}`)\n')
        parts += [f"- **{_NAMES[line][0]}**: {lines['en'][line]}" for line in _LINES]
        parts.append("")
        parts += [f"- **{_NAMES[line][1]}**：{lines['zh'][line]}" for line in _LINES]
        parts.append("")
    parts.append("## Models 型号\n")
    for dialect in sorted({entry.dialect for entry in ENTRIES}):
        parts += _table(dialect, [entry for entry in ENTRIES if entry.dialect == dialect])
    return "\n".join(parts).rstrip() + "\n"


def tells(entry: Entry) -> list[str]:
    """The metrics that the words and examples of an entry speak of, in the vocabulary's order."""
    found = {metric for example in entry.examples for metric in example.says}
    found |= {claim(written).metric for word in entry.words.values() for written in _claims(word)}
    return [name for name in METRICS if name in found]


def _connect() -> Iterator[tuple[str, dict[str, Any]]]:
    folder = files("devices") / "connect"
    for name in FAMILIES:
        yield name, tomllib.loads((folder / f"{name}.toml").read_text("utf-8"))


def _table(dialect: str, entries: list[Entry]) -> list[str]:
    rows = [
        " | ".join(
            ("|", entry.name, _models(entry), entry.kind, ", ".join(tells(entry)), entry.expected, "|")
        )
        for entry in entries
    ]
    title = _SHARED.get(dialect, f"`{dialect}`")
    head = [
        "| devices 设备 | models 型号 | kind 种类 | can tell 能报告 | speaks every 间隔 |",
        "|---|---|---|---|---|",
    ]
    return [f"### {title}\n", *head, *(row.strip() for row in rows), ""]


def _models(entry: Entry) -> str:
    shown = ", ".join(_cell(model) for model in entry.models[:_MOST_MODELS])
    more = len(entry.models) - _MOST_MODELS
    return shown + (f" and {more} more" if more > 0 else "")


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
