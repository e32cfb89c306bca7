"""What identifiers of thing models mean, and what values say of an alarm: look-ups in the catalogue's lists.

Rule: a field's identifier means what the lists say of the whole of it; an event's may also hold a word of
theirs, since a call for help must be one whatever its maker called it.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice

from devices.catalogue import NAMES, Names, words_of
from devices.envelope import Json
from devices.metrics import Kind
from devices.words import Scalar

_HELP = "求助 求救 呼救 呼叫 救援 救命 急 跌 摔 报警 告警 警报 护理 按键 单击 长按"
_DANGER = "烟 火 燃气 可燃 煤气 天然气 一氧化碳"
CALLS: tuple[bytes, ...] = (
    *(word.encode() for word in f"{_HELP} {_DANGER}".split()),
    *(word.encode("unicode_escape") for word in f"{_HELP} {_DANGER}".split()),
    *b"jiuzhu qiuzhu hujiu qiujiu jijiu jinji diedao shuai baojing huojing yanwu yangan".split(),
    *b"ranqi yiyanghuatan distress rescue warn drop_state methane".split(),
    *b'co_sta cosensor costa codetect co_detect event/co "co"'.split(),
    *b"call button click keypress keyevent singlepress shortpress longpress".split(),
)
"""What is in every call for help of these families (`devices.families`)."""

MAX_NAME = 80
"""No identifier is longer: nothing else is looked up."""

_NUMBERED = re.compile(r"[0-9]{1,2}")
_SURE_FIELDS = frozenset(
    # Where a zero ends an alarm that lasts; elsewhere it may be a count, or "nobody answered yet".
    "state alarm alarmstate alarmstatus alarmflag value errorcode 报警状态 告警状态 状态".split()
)
_VERDICT_FIELDS = _SURE_FIELDS | frozenset(
    "status action alarmaction eventstate eventstatus eventaction type alarmmode mode result flag operation"
    " 动作".split()
)
_KIND_FIELDS = frozenset("type kind event value data name content 类型 事件 内容".split())
_TEST_FIELDS = frozenset("test istest testmode testflag simulated issimulated 测试".split())
_UNNAMED_VALUES = frozenset("value val data current currentvalue 值".split())
_UNNAMED = _UNNAMED_VALUES | frozenset("state status alarm alarmstate alarmstatus flag 状态 报警".split())
_ALARM_LIKE = ("alarm", "alert", "warn", "报警", "告警", "警报", "预警", "baojing", "gaojing")


@lru_cache(maxsize=8192)
def folded(name: str) -> str:
    """An identifier, cut to `MAX_NAME`, without case, underscores and the module before it (`test:Power`)."""
    if ":" in name:
        name = name.rpartition(":")[2]
    return name.replace("_", "").replace("-", "").replace(" ", "").lower()


@lru_cache(maxsize=8192)
def term(dialect: str, path: str, event: str = "") -> str:
    """The word for a field by its dotted path, "" when there is none; `event` is the event it came with.

    Neither is longer than `MAX_NAME`.
    """
    names = NAMES[dialect]
    if not event and "." not in path:
        return names.words.get(folded(path)) or _numbered(names, path)
    levels = [folded(level) for level in path.split(".")]
    if event and (found := names.words.get(f"{folded(event)}.{levels[-1]}")):
        return found
    if found := _of_container(dialect, levels):
        return found
    for first in range(max(0, len(levels) - 3), len(levels)):
        if found := names.words.get(".".join(levels[first:])):
            within = levels[:first]
            return "" if any(part in level for level in within for part in names.blocked) else found
    return _numbered(names, levels[-1])


def _of_container(dialect: str, levels: list[str]) -> str:
    """The word of a struct or service whose field is merely a `value`, or a `state` where it is a state."""
    if len(levels) < 2 or levels[-1] not in _UNNAMED:
        return ""
    found = NAMES[dialect].words.get(levels[-2], "")
    word = words_of(dialect).words.get(found)
    if levels[-1] in _UNNAMED_VALUES or isinstance(word, dict) or (word and word[0].kind is Kind.STATE):
        return found
    return ""


def _numbered(names: Names, name: str) -> str:
    """The word for one of several channels: `switch_2` of `switch#`."""
    found = _NUMBERED.search(name)
    if found is None:
        return ""
    word = names.words.get(folded(_NUMBERED.sub("#", name, count=1)), "")
    return word.replace("#", found.group())


@lru_cache(maxsize=4096)
def happening(dialect: str, name: str) -> tuple[str | None, str]:
    """What an event's identifier says: its word ("" for one without meaning here, None unknown), and its end.

    The end is "" or one of the catalogue's verdicts: `soscancel` is a call that is over.
    """
    names = NAMES[dialect]
    text = folded(name)
    end = next((verdict for part, verdict in names.ends if part in text), "")
    for part, kind in names.happenings:
        if part[1:] == text if part[0] == "=" else part in text:
            return ("" if kind == "nothing" else kind), end
    if names.verdicts.get(text) in {"zero", "over"}:
        return "", ""
    return None, end


_MOST_JUDGED = 512
"""More values than any event has; what comes after them takes no call back."""


def verdict(dialect: str, outputs: Mapping[str, Json], event: str) -> str:
    """What the values that came with an event say of it: raised, unless one of them says otherwise.

    A zero ends a call only where it is the event's own value: elsewhere it may count, or mean "not answered".
    """
    verdicts = NAMES[dialect].verdicts
    found = "raised"
    for path, value in islice(outputs.items(), _MOST_JUDGED):
        if not isinstance(value, (str, int, float)) or len(path) > MAX_NAME:
            continue
        name = folded(path.rpartition(".")[2])
        if name in _TEST_FIELDS and verdicts.get(text_said(value)) in {"raised", "test"}:
            return "test"
        if name not in _VERDICT_FIELDS and name not in {event, "value"}:
            continue
        says = verdicts.get(text_said(value), "")
        if says == "zero" and name == event:
            return "over"
        if says == "zero" and name not in _SURE_FIELDS and not isinstance(value, str):
            continue
        if says in {"over", "test", "maybe", "released"}:
            return says
        if says == "zero":
            found = "zero"
    return found


def text_said(value: Scalar) -> str:
    """A value as the lists of verdicts write it."""
    if value.__class__ is int:
        return str(value) if abs(value) < 10**15 else ""
    if isinstance(value, str):
        return folded(value[:MAX_NAME].strip())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value)) if abs(value) < 1e15 else ""
    return str(value) if isinstance(value, float) or (value is not None and abs(value) < 10**15) else ""


def kinds(dialect: str, outputs: Mapping[str, Json]) -> Iterator[str]:
    """Texts among the values of an event that may say what happened."""
    words = NAMES[dialect].words
    for name, value in outputs.items():
        if isinstance(value, str):
            text = folded(name[:MAX_NAME])
            if text in _KIND_FIELDS or words.get(text) == "alarm_kind":
                yield value[:MAX_NAME]


def alarm_like(name: str) -> bool:
    """Whether an event's identifier speaks of an alarm, whatever its kind."""
    return any(part in folded(name[:MAX_NAME]) for part in _ALARM_LIKE)
