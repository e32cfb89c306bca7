"""Where somebody or something is, in the words people on the corridor use.

Rule: never a person's name here; a room and a bed say enough (R-111, lock screens).
"""

import re
from dataclasses import dataclass

from devices.registry import Place, PlaceKind, Registry

_DEVICE = "device:"
_NUMBER = re.compile(r"[0-9A-Za-z-]{1,8}")
_SHOWN = {
    PlaceKind.BUILDING: ("栋", "building"),
    PlaceKind.ROOM: ("室", "room"),
    PlaceKind.BED: ("床", "bed"),
}


@dataclass(frozen=True, slots=True)
class Where:
    """A subject found in the registry; all texts "" when unknown.

    `resident` is an id (never a name); `device` is set for a device that is bound to nobody.
    """

    subject: str
    resident: str = ""
    device: str = ""
    place: str = ""
    site: str = ""
    room: str = ""
    bed: str = ""
    zh: str = ""
    en: str = ""


def where(registry: Registry, subject: str) -> Where:
    """Where a decision's subject is: a resident, a place, or `device:<site>/<id>`. Never fails."""
    if subject.startswith(_DEVICE):
        site, _, device = subject.removeprefix(_DEVICE).partition("/")
        return Where(
            subject, device=device, site=site, zh=f"未登记设备 {device}", en=f"Unassigned device {device}"
        )
    resident = registry.residents.get(subject)
    place = resident.place if resident else subject
    above = registry.above(place)
    if not above:
        return Where(subject, resident=subject if resident else "", zh="位置未知", en="Place unknown")
    by_kind = {at.kind: at for at in reversed(above)}
    shown = [by_kind[kind] for kind in _SHOWN if kind in by_kind] or above[:1]
    english = ", ".join(_english(at) for at in shown)
    return Where(
        subject,
        resident=subject if resident else "",
        place=place,
        site=by_kind[PlaceKind.SITE].id if PlaceKind.SITE in by_kind else "",
        room=_plain(by_kind.get(PlaceKind.ROOM)),
        bed=_plain(by_kind.get(PlaceKind.BED)),
        zh=" ".join(_chinese(at) for at in shown),
        en=english[:1].upper() + english[1:],
    )


def known(registry: Registry, subject: str) -> bool:
    """Whether there is such a subject: a resident or a place of the registry; any unassigned device is."""
    return subject in registry.residents or subject in registry.places or subject.startswith(_DEVICE)


def site_of(registry: Registry, subject: str) -> str:
    """The id of the site where a subject lives, "" when unknown."""
    return where(registry, subject).site


def _plain(place: Place | None) -> str:
    return (place.name or place.id) if place else ""


def _chinese(place: Place) -> str:
    """`301` is `301室`; what has a word of its own keeps it."""
    name = place.name or place.id
    return name + _SHOWN[place.kind][0] if place.kind in _SHOWN and _is_number(place) else name


def _english(place: Place) -> str:
    name = place.name or place.id
    return f"{_SHOWN[place.kind][1]} {name}" if place.kind in _SHOWN and _is_number(place) else name


def _is_number(place: Place) -> bool:
    """Whether the name is only a number or letter as on a door (an id in place of a name is not)."""
    return bool(_NUMBER.fullmatch(place.name)) and (len(place.name) == 1 or any(map(str.isdigit, place.name)))
