"""Words for the device of a resident: she is asked, her call was taken, somebody is on the way (R-11).

Rule: what is shown in her room may be read by a visitor: no name, no value, no diagnosis.

On the native protocol's channel `command` a device gets `{"command": "ask" | "placed" | "taken" | "end",
"id": <alert>, "until": <ms UTC, of a question>, "text": {"zh-CN": ..., "en": ...}}`: `ask` a question that
`help_cancelled` or `check_in` answers until then, `placed` her call was taken, `taken` somebody has taken
charge, `end` nothing of that alert is to be shown any more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import orjson

from alerts.asking import can_show
from alerts.episode import Episode
from alerts.event import (
    Acknowledged,
    Arrived,
    EpisodeEvent,
    EvidenceAdded,
    Opened,
    Released,
    Resolved,
    State,
    Weight,
)
from alerts.life import about_life
from devices.registry import Registry


class Word(StrEnum):
    """What a device is told."""

    ASK = "ask"
    PLACED = "placed"
    TAKEN = "taken"
    END = "end"


_TEXTS = {
    Word.ASK: (
        "您还好吗？没事请按“取消”，否则将通知工作人员",
        "Are you all right? Press cancel if so; else staff will be called",
    ),
    Word.PLACED: ("已呼叫工作人员", "Staff have been called"),
    Word.TAKEN: ("有人来了", "Somebody is on the way"),
    Word.END: ("", ""),
}


@dataclass(frozen=True, slots=True)
class Command:
    """A word for one device of a site about an alert; `until` (ms UTC) of a question, else 0."""

    site: str
    device: str
    word: Word
    alert: str
    until: int = 0

    @property
    def topic(self) -> str:
        """Where it is published, not retained."""
        return f"shouwang/v1/{self.site}/{self.device}/command"

    def payload(self) -> bytes:
        """The JSON."""
        zh, en = _TEXTS[self.word]
        said = {"command": self.word.value, "id": self.alert, "text": {"zh-CN": zh, "en": en}}
        return orjson.dumps(said | ({"until": self.until} if self.until else {}))


def commands(
    registry: Registry, episode: Episode, event: EpisodeEvent, *, asked: bool = False
) -> Iterator[Command]:
    """The words that follow from an event; `episode` is as it is after it, `asked`: she was being asked.

    Only of what one resident or place alone is concerned by: to devices that are hers and can show it, and to
    the button of a room or corridor that was pressed.
    """
    word = _word(episode, event, asked=asked)
    if word is not None:
        yield from told(registry, episode, word)


def told(registry: Registry, episode: Episode, word: Word) -> Iterator[Command]:
    """A word about an alert for each of those devices."""
    subjects = {one.subject for one in episode.subjects}
    if len(subjects) != 1:
        return
    until = episode.ask_until if word is Word.ASK else 0
    devices = list(can_show(registry, subjects.pop()))
    pressed = registry.device(episode.site, episode.device)
    if word is not Word.ASK and pressed and pressed.downlink and pressed not in devices:
        devices.append(pressed)
    for device in devices:
        yield Command(device.site, device.id, word, episode.id, until)


def _word(episode: Episode, event: EpisodeEvent, *, asked: bool) -> Word | None:
    """An end of asking is always told: she must not think that she answered what is no question any more."""
    match event:
        case Opened(weight=Weight.ASKED):
            return Word.ASK
        case Released() | EvidenceAdded() if asked and event.calls:
            return Word.PLACED
        case Opened() | EvidenceAdded() if event.calls:
            hers = about_life(event.kind or episode.kind, event.evidence.metric)
            return Word.PLACED if hers or episode.about_life else None
        case Acknowledged() | Arrived() if asked or episode.about_life:
            return Word.TAKEN
        case Resolved():
            return Word.END
        case _ if asked and episode.state is not State.ASKING:
            return Word.END
    return None
