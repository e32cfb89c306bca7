"""Registries of simulated homes as TOML text. Rule: empty fields are left out; the reader checks."""

import json
from collections.abc import Iterable, Iterator, Mapping

from simulators import home, zigbee2mqtt

Row = Mapping[str, str | bool]


def to_toml(tables: Mapping[str, Iterable[Row]]) -> str:
    """Arrays of tables: `[[place]]`, `[[resident]]`, `[[device]]`. A row's empty values are left out."""
    return "\n".join(
        f"[[{name}]]\n" + "".join(f"{key} = {_literal(value)}\n" for key, value in row.items() if value)
        for name, rows in tables.items()
        for row in rows
    )


def _literal(value: str | bool) -> str:
    return json.dumps(value, ensure_ascii=False)  # for text and booleans JSON's notation is TOML's


def of_home(count: int) -> str:
    """The registry of the home with `count` residents."""
    people = tuple(home.residents(count))
    return to_toml(
        {
            "place": _places(people),
            "resident": (
                {"id": one.id, "place": _bed(one), "name": one.name, "care_level": one.care_level}
                for one in people
            ),
            "device": _devices(people),
        }
    )


def _bed(person: home.Person) -> str:
    return f"{_room(person)}-{person.bed}"


def _room(person: home.Person) -> str:
    return f"{home.SITE}-{person.room}"


def _places(people: Iterable[home.Person]) -> Iterator[Row]:
    building = f"{home.SITE}-building-1"
    yield {"id": home.SITE, "kind": "site", "name": "守望颐养院", "timezone": home.TIMEZONE}
    yield {"id": building, "kind": "building", "name": "1", "parent": home.SITE}
    seen = set()
    for person in people:
        floor = f"{home.SITE}-floor-{person.floor}"
        if floor not in seen:
            yield {"id": floor, "kind": "floor", "name": f"{person.floor} 层", "parent": building}
        if _room(person) not in seen:
            yield {"id": _room(person), "kind": "room", "name": f"{person.room}", "parent": floor}
        seen |= {floor, _room(person)}
        yield {
            "id": _bed(person),
            "kind": "bed",
            "name": f"{person.bed}",
            "parent": _room(person),
        }


def _devices(people: Iterable[home.Person]) -> Iterator[Row]:
    native = {"site": home.SITE, "gateway": home.GATEWAY}
    yield {
        "id": home.GATEWAY,
        "kind": "gateway",
        "place": f"{home.SITE}-building-1",
        "site": home.SITE,
        "supervision": "180s",
    }
    yield {
        "id": zigbee2mqtt.BRIDGE,
        "kind": "gateway",
        "model": "zigbee2mqtt bridge",
        "place": f"{home.SITE}-building-1",
        "supervision": "25h",  # it speaks when it comes and goes, and its last will says the rest
    }
    for one in people:
        watch: Row = {"id": one.wearable, "kind": "wearable", "resident": one.id, "calls": True}
        yield {**watch, **native, "supervision": "25h"}
        yield {"id": one.bed_sensor, "kind": "bed", "resident": one.id, **native, "supervision": "25h"}
        yield {
            "id": one.button,
            "kind": "button",
            "model": zigbee2mqtt.MODEL,
            "resident": one.id,
            "gateway": zigbee2mqtt.BRIDGE,
            "calls": True,
            "supervision": "25h",
        }
