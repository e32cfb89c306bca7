"""What she wears and presses: watch, SOS button, tablet. Rule: a sensor shows her body, with its own errors.

Artefacts: motion (a pulse far too fast, once), cold hands (a saturation far too low, once or a few times),
off the wrist (no values), missing values. None of them happened to her.
"""

from collections.abc import Iterator
from random import Random

from simulators.life import DAY_MS, HOUR_MS, MINUTE_MS, Body
from simulators.native import NativeDevice, Value
from simulators.publication import Publication
from simulators.village.diary import AWAY, BATH, BED, DINING, FLOOR, KITCHEN, OUT, ROOM
from simulators.village.fate import Fate
from simulators.village.run import Run
from simulators.village.staff import Staff
from simulators.zigbee2mqtt import BRIDGE, Button

WATCH_EVERY_MS = 5 * MINUTE_MS
OXYGEN_EVERY = 4  # reports: it takes still hands and half a minute
BUTTON_EVERY_MS = 4 * HOUR_MS
EFFORT = {BED: 0, ROOM: 5, DINING: 7, BATH: 8, KITCHEN: 10, FLOOR: 14, OUT: 20, AWAY: 5}
_STEPS = {ROOM: 12, DINING: 25, BATH: 15, KITCHEN: 30, OUT: 600}
_LASTS_MS = 3 * DAY_MS  # of a charge
_CHARGING_MS = 70 * MINUTE_MS


def watch(run: Run, fate: Fate, staff: Staff, body: Body) -> Iterator[Publication]:
    """All that her watch says. On walks and away it is out of reach."""
    person = fate.person
    name, via = person.device("watch"), person.gateway
    device = run.native(name, via)
    events = [(press.at, "sos", False) for press in fate.presses if press.device == name]
    for fall in fate.falls:
        if fall.told == name:
            events.append((fall.at + 3_000, "fall", False))
            if not fall.helped:
                events.append((fall.up + 10_000, "fall", True))
    if person.dwelling == "care":
        events += [(at, "check_in", False) for at in staff.check_ins]
        events += [(passes, "geofence_exit", False) for passes, _ in fate.strays]
        events += [(back, "geofence_enter", False) for _, back in fate.strays]
    said = (
        device.event(at, event, person.id if event == "check_in" else "", cleared=over)
        for at, event, over in sorted(events)
    )
    return run.heard(name, via, _known(run, name, device), said, _measured(run, fate, body, device))


def _known(run: Run, name: str, device: NativeDevice) -> Iterator[Publication]:
    """What the gateway says of the device: there, gone, back."""
    yield device.status(run.start_ms + 1000)
    for outage in run.faults.by_name.get(name, ()):
        if outage.told:
            yield device.plain_status(outage.told, "offline")
        yield device.plain_status(outage.end, "online")


def _measured(run: Run, fate: Fate, body: Body, device: NativeDevice) -> Iterator[Publication]:
    rng = run.rng(device.device, "worn")
    charged = run.start_ms - rng.randrange(_LASTS_MS)
    steps, day, cold = 0, 0, 0
    forgotten_until = 0
    for count, at in enumerate(run.ticks(device.device, WATCH_EVERY_MS)):
        stay = fate.diary.at(at)
        where = stay.where
        if (at + 8 * HOUR_MS) // DAY_MS != day:
            day, steps = (at + 8 * HOUR_MS) // DAY_MS, 0
        since = at - charged
        if since >= _LASTS_MS + _CHARGING_MS:
            charged, since = at, 0
            forgotten_until = at + 8 * HOUR_MS if rng.random() < 0.08 else 0
        battery = max(15, 100 - 80 * since // _LASTS_MS)
        if where in {OUT, AWAY}:
            steps += rng.randrange(_STEPS.get(where, 0) + 1)
            continue
        values: dict[str, Value] = {"battery": battery}
        charging = since >= _LASTS_MS
        if charging or at < forgotten_until or fate.lies_still(at):
            yield device.telemetry(at, values | {"worn": False, "charging": charging})
            continue
        steps += rng.randrange(2 * _STEPS[where]) if where in _STEPS and rng.random() < 0.3 else 0
        if stay.start > at - WATCH_EVERY_MS and where != FLOOR:
            steps += rng.randrange(12, 40)  # on the way there
        values |= {"worn": True, "steps": steps}
        if rng.random() > 0.03:
            values["heart_rate"] = _pulse(rng, fate, body, at, where)
            values["skin_temperature"] = round(32.6 + rng.gauss(0, 0.4), 1)
        if count % OXYGEN_EVERY == 0:
            cold = cold - 1 if cold else (rng.randrange(2, 4) if rng.random() < 0.0003 else 0)
            artefact = cold or rng.random() < 0.004
            values["spo2"] = round(rng.uniform(82, 90), 1) if artefact else oxygen(rng, fate, body, at)
        yield device.telemetry(at, values)


def _pulse(rng: Random, fate: Fate, body: Body, at: int, where: str) -> int:
    pulse = pulse_of(fate, body, at, EFFORT[where]) + rng.gauss(0, 2.5)
    if where not in {BED, FLOOR} and rng.random() < 0.004:
        pulse += rng.uniform(30, 80)
    return round(pulse)


def pulse_of(fate: Fate, body: Body, at: int, effort: float) -> float:
    """Her true pulse."""
    ill = fate.ill(at)
    return body.pulse(at, effort + (ill[0].pulse * ill[1] if ill else 0))


def breath_of(fate: Fate, body: Body, at: int) -> float:
    """Her true breaths a minute, at rest."""
    ill = fate.ill(at)
    return body.breath + (ill[0].breath * ill[1] if ill else 0)


def oxygen_of(fate: Fate, body: Body, at: int) -> float:
    """Her true saturation, %."""
    ill = fate.ill(at)
    return body.oxygen + (ill[0].oxygen * ill[1] if ill else 0)


def oxygen(rng: Random, fate: Fate, body: Body, at: int) -> float:
    """Her saturation as an oximeter shows it."""
    return min(100.0, round(oxygen_of(fate, body, at) + rng.gauss(0, 0.5), 1))


def button(run: Run, fate: Fate) -> Iterator[Publication]:
    """Her SOS button, behind zigbee2mqtt or the hub."""
    person = fate.person
    name = person.device("button")
    rng = run.rng(name)
    level = rng.randrange(55, 101)
    presses = [press.at for press in fate.presses if press.device == name]
    if person.speaks == "native":
        hub = run.native(name, person.gateway)
        said = (hub.event(at, "sos") for at in presses)
        reports = (hub.telemetry(at, {"battery": level}) for at in run.ticks(name, BUTTON_EVERY_MS))
        return run.heard(name, person.gateway, _known(run, name, hub), said, reports)
    device = Button(name, rng.randrange(60, 200))
    known = [device.availability(run.start_ms + 1000, "online")]
    for outage in run.faults.by_name.get(name, ()):
        known += [device.availability(outage.told, "offline")] if outage.told else []
        known.append(device.availability(outage.end, "online"))
    return run.heard(
        name,
        BRIDGE,
        known,
        (said for at in presses for said in device.press(at, level)),
        (device.report(at, level) for at in run.ticks(name, BUTTON_EVERY_MS)),
    )


def tablet(run: Run, fate: Fate, staff: Staff) -> Iterator[Publication]:
    """On which she says "I am fine" at home, by mobile network."""
    device = run.native(fate.person.device("tablet"), "")
    said = (device.event(at, "check_in", fate.person.id) for at in staff.check_ins)
    return run.heard(device.device, "", said)
