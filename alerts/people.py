"""Those who are told of alerts. Rule: a person is an id everywhere but in a message marked private."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Language(StrEnum):
    """In what people are told (BCP 47)."""

    ZH = "zh-CN"
    EN = "en"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the staff. `addresses`: by kind (`phone`, `email`, `wecom` ...), as channels ask."""

    id: str
    name: str = ""
    language: Language = Language.ZH
    addresses: Mapping[str, str] = field(default_factory=dict)
