"""The residents as the rules see them, each with her devices. Rule: all of it follows from the registry.

Her ways to call are her own devices that can call and those of the places where she dwells (a pull cord, a
wall button). What stands in when none works notices by itself, without her doing anything: a radar or a
sensor for falls, hers or of her room, and a bed sensor while she lies in the bed. `kind` of the registry says
so, in words of people. A room-mate's button is none: nobody's alerts follow from another's data.
"""

from collections.abc import Mapping

from devices.registry import Device, Registry
from rules.kind import Subject
from rules.lines import DeviceKey

_BEDS = ("bed", "mattress", "床")
_DETECTORS = (*_BEDS, "radar", "fall", "雷达", "跌倒")


def is_bed(device: Device) -> bool:
    """Whether it watches a bed: it sees her only there."""
    return any(word in device.kind.lower() for word in _BEDS)


def stands_in(device: Device) -> bool:
    """Whether the device notices by itself that somebody needs help."""
    return not device.calls and any(word in device.kind.lower() for word in _DETECTORS)


def gateways(registry: Registry) -> Mapping[DeviceKey, tuple[Device, ...]]:
    """Through which gateways each device is heard, nearest first. A ring of them ends where it closes."""
    found: dict[DeviceKey, tuple[Device, ...]] = {}
    shared: dict[tuple[Device, ...], tuple[Device, ...]] = {}
    for device in registry.devices.values():
        chain: list[Device] = []
        at = device
        while at.gateway and len(chain) < len(registry.devices):
            at = registry.device(at.site, at.gateway) or Device(at.gateway, site=at.site)
            if at is device or at in chain:
                break
            chain.append(at)
        if chain:
            whole = tuple(chain)
            found[device.site, device.id] = shared.setdefault(whole, whole)
    return found


def residents(registry: Registry) -> dict[str, Subject]:
    """All residents by id."""
    lines: dict[str, list[Device]] = {}
    around: dict[str, list[Device]] = {}
    for device in sorted(registry.devices.values(), key=lambda device: not device.resident):  # her own first
        whose = (device.resident,) if device.resident else registry.dwellers(device.place)
        if device.calls or stands_in(device):
            for resident in whose:
                (lines if device.calls else around).setdefault(resident, []).append(device)
    via = gateways(registry)
    return {
        resident.id: Subject(
            id=resident.id,
            resident=resident,
            place=resident.place,
            zone=registry.timezone(resident.place),
            lines=tuple(lines.get(resident.id, ())),
            stand_ins=tuple(around.get(resident.id, ())),
            gateways=via,
        )
        for resident in registry.residents.values()
    }
