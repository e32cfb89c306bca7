"""The registry of a site of the village as TOML. Rule: empty fields are left out; the reader checks."""

from collections.abc import Iterator

from simulators import zigbee2mqtt
from simulators.home import TIMEZONE
from simulators.registry import Row, to_toml
from simulators.village import wards
from simulators.village.people import CARE, Villager
from simulators.village.village import Site
from simulators.zigbee2mqtt import BRIDGE


def of_site(site: Site) -> str:
    """Places, residents and devices of a site."""
    return to_toml(
        {"place": _places(site), "resident": map(_resident, site.people), "device": _devices(site)}
    )


def _places(site: Site) -> Iterator[Row]:
    kind = "site" if site.id == CARE else "street"
    yield {"id": site.id, "kind": kind, "name": site.id, "timezone": TIMEZONE}
    house = f"{site.id}-house"
    yield {"id": house, "kind": "building", "name": "1", "parent": site.id}
    for floor in site.floors:
        yield {"id": floor, "kind": "floor", "name": floor, "parent": house}
    for room, people in site.rooms.items():
        parent = people[0].floor if site.id == CARE else house
        yield {"id": room, "kind": "room", "name": room, "parent": parent}
        for one in people if site.id == CARE else ():
            yield {"id": one.place, "kind": "bed", "name": one.place[-1], "parent": room}


def _resident(one: Villager) -> Row:
    risks = {f"risk_{name}": level for name, level in one.risks.items()}
    row: Row = {"id": one.id, "place": one.place, "name": one.name, "care_level": one.care_level}
    return {**row, **risks, "visit_tier": one.visit_tier}


def _devices(site: Site) -> Iterator[Row]:
    native = {"site": site.id}
    for name in site.gateways():
        where = next(
            one.floor if site.id == CARE else one.place for one in site.people if one.gateway == name
        )
        yield {"id": name, "kind": "gateway", "place": where, **native, "supervision": "30min"}
    house = f"{site.id}-house"
    yield {
        "id": BRIDGE,
        "kind": "gateway",
        "model": "zigbee2mqtt bridge",
        "place": house,
        "supervision": "25h",
    }
    for one in site.people:
        yield from _hers(one)
    for room, people in site.rooms.items() if site.id == CARE else ():
        via: Row = {"place": room, **native, "gateway": people[0].gateway, "supervision": "25h"}
        yield {"id": f"radar-{room}", "kind": "radar", **via}
        yield {"id": f"reader-{room}", "kind": "reader", **via}
    for floor in site.floors:
        gateway = next(one.gateway for one in site.people if one.floor == floor)
        yield {"id": f"scanner-{floor}", "kind": "scanner", "place": floor, **native, "gateway": gateway}
        yield _zigbee(f"smoke-{floor}", "smoke", zigbee2mqtt.SMOKE, {"place": floor})
    yield {"id": wards.DESK, "kind": "desk", "place": house, **native}
    yield {"id": wards.CART if site.id == CARE else wards.PHONE, "kind": "scanner", "place": house, **native}


def _hers(one: Villager) -> Iterator[Row]:
    hers: Row = {"resident": one.id}
    native: Row = {"resident": one.id, "site": one.site, "gateway": one.gateway, "supervision": "25h"}
    if one.watch:
        yield {"id": one.device("watch"), "kind": "wearable", **native, "calls": True}
    if one.bed:
        yield {"id": one.device("bed"), "kind": "bed", **native}
    if one.speaks == "native":
        yield {"id": one.device("button"), "kind": "button", **native, "calls": True}
    else:
        button = _zigbee(one.device("button"), "button", zigbee2mqtt.MODEL, hers)
        yield {**button, "calls": True, "supervision": "25h"}
    if one.dwelling == "care":
        return
    yield {"id": one.device("tablet"), "kind": "tablet", "resident": one.id, "site": one.site}
    for where in ("room", "kitchen", "bath"):
        yield _sensor(one, f"motion-{where}-{one.id}", "motion", zigbee2mqtt.MOTION)
    yield _sensor(one, one.device("door"), "door", zigbee2mqtt.CONTACT)
    yield _zigbee(one.device("smoke"), "smoke", zigbee2mqtt.SMOKE, {"place": one.place})


def _sensor(one: Villager, name: str, kind: str, model: str) -> Row:
    where: Row = {"resident": one.id, "place": one.place}
    if one.speaks == "zigbee":
        return _zigbee(name, kind, model, where)
    return {"id": name, "kind": kind, **where, "site": one.site, "gateway": one.gateway}


def _zigbee(name: str, kind: str, model: str, whose: Row) -> Row:
    return {"id": name, "kind": kind, "model": model, **whose, "gateway": BRIDGE}
