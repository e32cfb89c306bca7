"""What one message means, for people and for programs: shared by `decode` and `listen`.

Rule: the same decoders as the service, and what they left is always named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from rich.table import Table

from devices.decode import decode, family_of
from devices.message import Message
from devices.metrics import METRICS, Kind
from devices.normalise import normalise
from devices.observation import Observation
from devices.reading import Learned, Motion, Rejected, TimeSource
from devices.registry import Registry
from ingest.commands.console import plain
from ingest.commands.windows_shown import MOTION, doubt_of_position, doubt_of_unit, window_text

_ABOUT_VALUE = {True: "yes 是", False: "no 否"}


class Explained(NamedTuple):
    """A message's family ("" unknown), what it says, what is not used, what was left, what it teaches.

    `windows` are of accelerometers: falls are looked for in them, one after another.
    """

    family: str
    observations: list[Observation]
    rejected: list[Rejected]
    left: tuple[str, ...] = ()
    learned: tuple[Learned, ...] = ()
    whose: str = ""
    windows: tuple[Motion, ...] = ()

    @property
    def devices(self) -> list[str]:
        """The devices it is of, as far as that can be told."""
        named = [o.device for o in self.observations] + [r.device for r in self.rejected if r.device]
        named += [window.device for window in self.windows]
        return list(dict.fromkeys(named)) or ([self.whose] if self.whose else [])


@dataclass(slots=True)
class Lessons:
    """What is known beforehand (a `devices.reading.Known`): a model that was said, then what messages taught.

    The said model goes first here: who says it on the command line means it.
    """

    model: str = ""
    zone: str = ""
    registry: Registry = field(default_factory=Registry)
    facts: dict[tuple[str, str], str] = field(default_factory=dict)

    def models(self, device: str) -> tuple[str, ...]:
        """The said model, the learned, the registered."""
        found = (self.model, self.fact(device, "model"), *self.registry.models(device))
        return tuple(model for model in found if model)

    def fact(self, about: str, field: str) -> str:
        """What an earlier message taught."""
        return self.facts.get((about, field), "")

    def clock_zone(self, device: str) -> str:
        """The said zone, else that of the device's place."""
        return self.zone or self.registry.clock_zone(device)

    def learn(self, learned: tuple[Learned, ...]) -> None:
        """Take up what a message taught."""
        self.facts |= {(one.about, one.field): one.value for one in learned}


def explain(message: Message, known: Lessons, family: str = "", site: str = "") -> Explained:
    """What a message means by what is known; what it teaches is known from then on."""
    decoded = decode(message, known, family)
    if isinstance(decoded, Rejected):
        found = family_of(message, known)
        return Explained(family or (found.name if found is not None else ""), [], [decoded])
    normalised = normalise(decoded, message, known.registry, site)
    known.learn(decoded.learned)
    return Explained(
        decoded.family,
        normalised.observations,
        list(dict.fromkeys(normalised.rejected)),
        decoded.left,
        decoded.learned,
        decoded.device,
        decoded.motion,
    )


def observation_json(observation: Observation) -> dict[str, object]:
    """One observation as a line for programs."""
    shown: dict[str, object] = {
        "device": observation.device,
        "metric": observation.metric,
        "value": observation.value,
        "unit": METRICS[observation.metric].unit,
        "at": observation.at,
        "quality": observation.quality,
        "at_source": observation.at_source,
    }
    optional: Mapping[str, object] = {
        "detail": observation.detail,
        "by": observation.by,
        "confidence": observation.confidence,
        "late": observation.late,
    }
    return shown | {name: value for name, value in optional.items() if value}


def rejected_json(rejected: Rejected) -> dict[str, object]:
    """One reject as a line for programs."""
    shown: dict[str, object] = {"rejected": rejected.reason, "detail": rejected.detail}
    return shown | ({"device": rejected.device} if rejected.device else {})


def value_text(observation: Observation) -> str:
    """A value with its unit, as people read it."""
    metric, value = METRICS[observation.metric], observation.value
    detail = f" ({observation.detail})" if observation.detail else ""
    if metric.kind is Kind.EVENT:
        return "!" + detail
    if isinstance(value, bool):
        return _ABOUT_VALUE[value] + detail
    if isinstance(value, str):
        return value
    return f"{value:g} {metric.unit}".strip() + detail


def table(explained: Explained) -> Table:
    """One message for people: what each device said, then what was not used and why."""
    shown = Table(
        title=f"family 协议: {explained.family or 'unknown 未知'}", title_justify="left", highlight=False
    )
    for name in ("device 设备", "metric 指标", "value 数值", "at 时间", "quality 质量"):
        shown.add_column(name, overflow="fold")
    for o in explained.observations:
        shown.add_row(
            plain(o.device),
            o.metric,
            plain(value_text(o)),
            _when(o.at, o.at_source),
            o.quality + (" late 迟到" if o.late else ""),
        )
    for window in explained.windows:
        said = plain(window_text(window))
        for doubt in filter(None, (doubt_of_position(window), doubt_of_unit(window))):
            said += f"\n[yellow]{plain(doubt)}[/]"
        at = "" if window.at is None else _when(window.at, TimeSource.DEVICE)
        shown.add_row(plain(window.device), MOTION, said, at, "")
    for rejected in explained.rejected:
        why = f"{rejected.reason}: {rejected.detail}" if rejected.detail else rejected.reason.value
        shown.add_row(
            plain(rejected.device), rejected.metric, f"[red]not used 未采用[/]: {plain(why)}", "", ""
        )
    for name in explained.left:
        shown.add_row(plain(explained.whose), plain(name), "[yellow]not understood 未识别[/]", "", "")
    for fact in explained.learned:
        taught = fact.value if fact.field == "model" else fact.field
        shown.add_row(plain(fact.about[:60]), "[green]taught 学到[/]", plain(taught[:60]), "", "")
    return shown


def _when(at_ms: int, source: TimeSource) -> str:
    try:
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return str(at_ms)
    return f"{at:%Y-%m-%d %H:%M:%S}Z ({source})"
