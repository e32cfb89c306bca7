"""What was heard on a broker so far, per device, and as a table for any terminal.

Rule: pure; messages in, lines and a table out. What is urgent to see comes first, and what does not fit is
counted.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from alerts.synthetic import is_ours, looks_ours
from devices.message import Message
from devices.metrics import LIFE_SAFETY
from devices.observation import Observation
from devices.reading import Motion, Rejected
from devices.registry import Registry
from ingest.commands.console import bare
from ingest.commands.explaining import Explained, Lessons, explain, value_text
from ingest.commands.windows_shown import doubt_of_unit, signal_text
from ingest.facts import ANNOUNCED

_MOST_DEVICES = 5000
_MOST_NAMES = 256
_MOST_SHOWN = 8
_MARKS = {
    "!": "call for help 求助",
    "?": "not registered 未登记",
    "x": "service does not read it 服务未订阅",
}
_TEST_CALL = "our own test call 本系统的测试呼叫"
_NO_DEVICES = frozenset((("zigbee2mqtt", "bridge"), ("homeassistant", "homeassistant")))
"""Those that run the others: nobody registers them."""
_COLUMNS = ("", "device 设备", "family 协议", "heard", "says 内容")
_DEVICE = 1
_LINES = (1000, 4, 2, 1)
_NOTHING = (
    "nothing heard 什么也没收到: is it the right broker? may this account read its topics?"
    " Press a button or open a door. 请核对 MQTT 服务器和账号权限,再按一下设备的按钮。"
)


@dataclass(slots=True)
class Heard:
    """What was heard of one device: the last value of each metric, and how often each field was left.

    `samples` counts those of acceleration by rate and place, `doubt` is what is asked of them; `unread` are
    its topics that the service does not subscribe to; `tests` counts the service's own test calls.
    """

    family: str = ""
    messages: int = 0
    last_ms: int = 0
    values: dict[str, Observation] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    samples: Counter[str] = field(default_factory=Counter)
    doubt: str = ""
    tests: int = 0
    unread: set[str] = field(default_factory=set)

    @property
    def calls(self) -> bool:
        """Whether it called for help."""
        return any(map(_is_call, self.values.values()))


class New(NamedTuple):
    """What a message means, which devices it is the first of, and what is worth a line.

    Of a `test_call` of the service's own there is nothing else to say.
    """

    explained: Explained
    devices: list[str]
    lines: list[str]
    test_call: bool = False


def _reads_all(_topic: str) -> bool:
    return True


class Ear:
    """Everything heard so far. `reads` tells whether the service would have been sent a topic.

    By its `key` the service's own test calls are known; without it what has their form is taken for one.
    """

    def __init__(
        self, registry: Registry, reads: Callable[[str], bool] = _reads_all, key: bytes = b""
    ) -> None:
        self._known = Lessons(registry=registry)
        self._registered = frozenset(name for _, name in registry.devices)
        self._reads, self._key = reads, key
        self._announced: set[str] = set()
        self.devices: dict[str, Heard] = {}
        self.messages = 0
        self.announcements = 0

    def hear(self, message: Message) -> New:
        """Take up a message. Announcements, commands and the service's own alerts are of no device."""
        self.messages += 1
        explained = explain(message, self._known)
        self._announced.update(
            fact.about for fact in explained.learned if fact.field == ANNOUNCED and fact.value
        )
        if looks_ours(message.topic, message.payload) and (
            not self._key or is_ours(self._key, message.payload)
        ):
            return self._tested(message, explained)
        whose = self._whose(message, explained)
        if not whose:
            self.announcements += 1
        new: list[str] = []
        lines: list[str] = []
        for device in whose:
            heard = self.devices.get(device)
            first = heard is None
            if heard is None:
                new.append(device)
                heard = Heard()
                if len(self.devices) < _MOST_DEVICES:
                    self.devices[device] = heard
            said = self._take_up(heard, device, message, explained)
            if first:
                known = "" if device in self._registered else " not registered 未登记"
                family = heard.family or "unknown family 未知协议"
                lines.append(f"new 新设备: {device} ({family}){known}" + (f": {said}" if said else ""))
            elif said:
                lines.append(f"also 另有: {device}: {said}")
        return New(explained, new, [bare(line) for line in lines])

    def _tested(self, message: Message, explained: Explained) -> New:
        """Takes up a test call of the service's own."""
        device = message.topic.split("/")[3]
        heard = self.devices.setdefault(device, Heard(explained.family))
        heard.messages += 1
        heard.tests += 1
        heard.last_ms = message.received_at
        lines = [f"test 测试: {device}: {_TEST_CALL}"] if heard.tests == 1 else []
        return New(explained._replace(observations=[]), [], lines, test_call=True)

    def _whose(self, message: Message, explained: Explained) -> list[str]:
        levels = message.topic.split("/", 4)
        if levels[:2] == ["shouwang", "v1"] and levels[3:4] == ["alerts"]:
            return []
        devices = [
            device
            for device in explained.devices
            if device in self._registered or (explained.family, device) not in _NO_DEVICES
        ]
        if devices or explained.devices or not (explained.left or explained.rejected):
            return devices
        return [message.topic]  # nobody can tell whose it is: "what did this thing send?"

    def _take_up(self, heard: Heard, device: str, message: Message, explained: Explained) -> str:
        """Adds a message to what was heard of one of its devices. Returns what of it is new."""
        values = {o.metric: o for o in explained.observations if o.device == device}
        why = [_why(r) for r in explained.rejected if r.device in {"", device}]
        parts = [_value(o) for metric, o in values.items() if metric not in heard.values]
        parts += _moved(heard, [window for window in explained.windows if window.device == device])
        for name, found, before in (
            ("not understood 未识别", explained.left, heard.left),
            ("not used 未采用", why, heard.rejected),
        ):
            fresh = [one for one in dict.fromkeys(found) if one not in before]
            if len(before) < _MOST_NAMES:
                before.update(found)
                parts += [f"{name}: {', '.join(fresh)}"] if fresh else []
        read = message.topic in self._announced or self._reads(message.topic)
        if not read and len(heard.unread) < _MOST_NAMES:
            parts += [] if heard.unread else [f"{_MARKS['x']}: {message.topic}"]
            heard.unread.add(message.topic)
        heard.family = explained.family or heard.family
        heard.messages += 1
        heard.last_ms = message.received_at
        heard.values |= values
        return "; ".join(parts)

    def model(self, device: str) -> str:
        """The device's model as far as known."""
        return next(iter(self._known.models(device)), "")

    def marks(self, device: str, heard: Heard) -> str:
        """What is to be seen at once of a device, a letter each."""
        stranger = device not in self._registered and heard.messages > heard.tests
        told = {"!": heard.calls, "?": stranger, "x": bool(heard.unread)}
        return "".join(mark for mark, is_so in told.items() if is_so)

    def table(self, now_ms: int) -> "Shown":
        """All devices, for a console of any size."""
        return Shown(self, now_ms)


class Shown:
    """What was heard, as it stands: calls first, then what was not understood, then the last heard.

    On a terminal as many devices as fit; into a file all of them.
    """

    def __init__(self, ear: Ear, now_ms: int) -> None:
        self._ear, self._now_ms = ear, now_ms

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The title, the table, what did not fit, and what the marks mean."""
        ear = self._ear
        quiet = f" ({ear.announcements} announcements 通告)" if ear.announcements else ""
        yield Text(f"{len(ear.devices)} devices 设备, {ear.messages} messages 消息{quiet}", style="bold")
        if not ear.devices:
            if not ear.messages:
                yield Text(_NOTHING)
            return
        rows = sorted(ear.devices.items(), key=_urgency)
        widths = self._widths(rows, options.max_width)
        legend = Text(" ".join(f"{mark} {meaning}" for mark, meaning in _MARKS.items()), style="dim")
        room = options.size.height if console.is_terminal else len(rows) * 1000
        room -= 4 + len(
            legend.wrap(console, options.max_width)
        )  # the title, the head, the cursor's, "and N more"
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, highlight=False)
        for name, width in zip(_COLUMNS, widths, strict=True):
            table.add_column(name, width=width, no_wrap=True, overflow="crop")
        cells = [self._cells(device, heard) for device, heard in rows[: max(1, room)]]
        for lines in _LINES:  # as much of each device as lets all of them be seen
            fitted = [_fitted(console, row, widths, lines) for row in cells]
            if sum(high for high, _ in fitted) <= room and len(cells) == len(rows):
                break
        shown = 0
        for high, row in fitted:
            if high > room and shown:
                break
            room -= high
            shown += 1
            table.add_row(*row)
        yield table
        if shown < len(rows):
            yield Text(f"... and {len(rows) - shown} more 另有 {len(rows) - shown} 个")
        yield legend

    def _widths(self, rows: list[tuple[str, Heard]], width: int) -> list[int]:
        """The columns' widths: what a device says has what the others leave."""
        free = width - 2 * 4 - 2 - 7
        device = min(max(11, *(cell_len(bare(device)) for device, _ in rows[:500])), free * 2 // 5)
        kind = min(max(11, *(cell_len(self._kind(*row)) for row in rows[:500])), free // 4)
        return [2, device, kind, 7, max(10, free - device - kind)]

    def _kind(self, device: str, heard: Heard) -> str:
        return bare(" ".join(filter(None, (heard.family or "unknown 未知", self._ear.model(device)))))

    def _cells(self, device: str, heard: Heard) -> list[Text]:
        values = heard.values.values()
        calls = [_value(o) for o in values if _is_call(o)]
        others = [_value(o) for o in values if not _is_call(o)]
        moved = [f"{signal}: {count} samples" for signal, count in heard.samples.most_common(_MOST_SHOWN)]
        left = [bare(name) for name, _ in heard.left.most_common(_MOST_SHOWN)]
        if len(heard.left) > len(left):
            left.append(f"and {len(heard.left) - len(left)} more")
        why = [bare(why) for why, _ in heard.rejected.most_common(_MOST_SHOWN)]
        says = Text()
        for title, words, style in (
            ("", calls, "bold red"),
            ("left 未识别: ", left, "yellow"),
            ("not used 未采用: ", why, "red"),
            ("", [heard.doubt] if heard.doubt else [], "yellow"),
            ("", [*others, *moved, *([_TEST_CALL] if heard.tests else [])], ""),
        ):
            if words:
                says.append("; " if says else "").append(title + ", ".join(words), style)
        return [
            Text(self._ear.marks(device, heard), "bold"),
            Text(bare(device)),
            Text(self._kind(device, heard)),
            Text(f"{heard.messages}x {_ago(self._now_ms - heard.last_ms)}"),
            says or Text("-"),
        ]


def _fitted(console: Console, cells: list[Text], widths: list[int], lines: int) -> tuple[int, list[Text]]:
    """The cells of a row in so many lines, and how many these are. A device's name is always whole."""
    fitted: list[Text] = []
    high = 1
    for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        wrapped = list(cell.wrap(console, width, overflow="fold"))
        if column != _DEVICE and len(wrapped) > lines:
            last = wrapped[lines - 1]
            last.rstrip()
            last.truncate(width - 1)
            last.append("…")
            del wrapped[lines:]
        high = max(high, len(wrapped))
        for line in wrapped:
            line.rstrip()
        fitted.append(Text("\n").join(wrapped))
    return high, fitted


def nothing_heard() -> str:
    """What to look at when no message came."""
    return _NOTHING


def _urgency(row: tuple[str, Heard]) -> tuple[int, int]:
    heard = row[1]
    odd = heard.left or heard.rejected or heard.unread or heard.doubt
    return (0 if heard.calls else 1 if odd else 2), -heard.last_ms


def _moved(heard: Heard, windows: list[Motion]) -> list[str]:
    """Adds windows of acceleration to what was heard of a device. Returns what of it is new."""
    new: list[str] = []
    for window in windows:
        signal, doubt = bare(signal_text(window)), doubt_of_unit(window)
        if signal not in heard.samples:
            if len(heard.samples) == _MOST_NAMES:
                continue
            new.append(signal)
        heard.samples[signal] += len(window.xyz)
        new += [doubt] if doubt and not heard.doubt else []
        heard.doubt = doubt or heard.doubt
    return new


def _is_call(observation: Observation) -> bool:
    return observation.metric in LIFE_SAFETY and observation.value is True


def _value(observation: Observation) -> str:
    return bare(f"{observation.metric} {value_text(observation)}")


def _why(rejected: Rejected) -> str:
    return f"{rejected.reason}: {rejected.detail}" if rejected.detail else rejected.reason.value


def _ago(ms: int) -> str:
    seconds = max(0, ms) // 1000
    if seconds < 100:
        return f"{seconds}s"
    return f"{seconds // 60}m" if seconds < 6000 else f"{seconds // 3600}h"
