"""The simulated home in motion: everything its devices say, in time order.

Rule: a world is a pure function of scenario, seed and start: it can be played again, byte for byte.
"""

import heapq
from collections.abc import Iterable, Iterator
from operator import attrgetter

from simulators import acceleration, home, zigbee2mqtt
from simulators.home import Person
from simulators.life import DAY_MS, MINUTE_MS, Life, local
from simulators.native import NativeDevice
from simulators.publication import Connection, Publication
from simulators.scenario import Scenario
from simulators.timetable import Timetable

_SPO2_EVERY = 5  # a wearable measures it with every fifth report
_CHARGE_LASTS_MS = 4 * DAY_MS
_FELT_BEFORE_S, _FELT_AFTER_S = 8, 20
_OWN_DEVICE_FIRST_MS = 20_000  # devices come on within so much of the start
_said_at = attrgetter("at_ms")


class World:
    """Iterating gives the publications; every iteration gives the same ones."""

    def __init__(self, scenario: Scenario, seed: int, start_ms: int) -> None:
        self.scenario = scenario
        self.seed = seed
        self.timetable = Timetable(scenario, seed, start_ms)
        self.start_ms, self.end_ms = self.timetable.start_ms, self.timetable.end_ms
        self._run = f"{scenario.name}-{seed:x}-{start_ms:x}"
        gateway = self._native(home.GATEWAY)
        self.connections = (
            Connection(
                home.GATEWAY,
                birth=gateway.plain_status(start_ms, "online"),
                will=gateway.plain_status(start_ms, "offline", will=True),
            ),
            Connection(
                zigbee2mqtt.BRIDGE,
                birth=zigbee2mqtt.bridge_state(start_ms, "online"),
                will=zigbee2mqtt.bridge_state(start_ms, "offline", will=True),
            ),
        )

    def __iter__(self) -> Iterator[Publication]:
        streams: list[Iterable[Publication]] = [self._gateway(), self._bridge()]
        for person in self.timetable.people:
            life = self.timetable.life(person)
            streams += [self._wearable(person, life), self._bed(person, life), self._button(person)]
        return heapq.merge(*streams, key=_said_at)

    def _native(self, device: str) -> NativeDevice:
        return NativeDevice(home.SITE, device, self._run, home.GATEWAY)

    def _ticks(self, device: str, every: int) -> range:
        """When a device reports by itself: at its own pace from its own moment on."""
        phase = self.timetable.rng(device, "phase").randrange(min(every, MINUTE_MS))
        return range(self.start_ms + _OWN_DEVICE_FIRST_MS + phase, self.end_ms, every)

    def _heard(self, device: str, via: str, *streams: Iterable[Publication]) -> Iterator[Publication]:
        """The streams of one device in one, without what nobody can hear."""
        for said in heapq.merge(*streams, key=_said_at):
            if said.at_ms < self.end_ms and not self.timetable.is_lost(via, said.at_ms):
                leaving = said.retain and not self.timetable.is_lost(device, said.at_ms - 1)
                if leaving or not self.timetable.is_lost(device, said.at_ms):
                    yield said

    def _gateway(self) -> Iterator[Publication]:
        gateway = self._native(home.GATEWAY)
        yield gateway.plain_status(self.start_ms, "online")
        changes = (
            gateway.plain_status(at, "online" if back else "offline", will=not back)
            for at, back in self._comings_and_goings(home.GATEWAY)
        )
        signs_of_life = (
            gateway.telemetry(at, {"mains_power": True})
            for at in self._ticks(home.GATEWAY, self.scenario.every.gateway)
            if not self.timetable.is_lost(home.GATEWAY, at)
        )
        yield from heapq.merge(changes, signs_of_life, key=_said_at)

    def _bridge(self) -> Iterator[Publication]:
        yield zigbee2mqtt.bridge_state(self.start_ms, "online")
        for at, back in self._comings_and_goings(zigbee2mqtt.BRIDGE):
            yield zigbee2mqtt.bridge_state(at, "online" if back else "offline", will=not back)

    def _comings_and_goings(self, name: str) -> Iterator[tuple[int, bool]]:
        for start, end in self.timetable.lost.get(name, ()):
            yield start, False
            if end < self.end_ms:
                yield end, True

    def _wearable(self, person: Person, life: Life) -> Iterator[Publication]:
        device = self._native(person.wearable)
        times = self.timetable
        first = self.start_ms + times.rng(person.wearable, "first").randrange(_OWN_DEVICE_FIRST_MS)
        felt = times.felt(person)
        charged = self.start_ms - times.rng(person.wearable, "charged").randrange(_CHARGE_LASTS_MS)
        events = [
            *((at, "check_in", person.id) for at in times.check_ins(person)),
            *((at, "sos", "") for at in times.presses(person, "wearable")),
            *((at, "fall", "") for at in times.falls(person) if at not in felt),
        ]
        return self._heard(
            person.wearable,
            home.GATEWAY,
            [device.status(first, _battery(charged, first))],
            (
                device.plain_status(at, "online" if back else "offline")
                for at, back in self._comings_and_goings(person.wearable)
            ),
            (device.event(at, event, by) for at, event, by in sorted(events)),
            (said for at in felt for said in self._moved(device, at)),
            self._worn(person, life, device, charged),
        )

    def _moved(self, device: NativeDevice, fall_ms: int) -> Iterator[Publication]:
        """What the watch feels around a fall, a second in each message."""
        samples = acceleration.fall(
            _FELT_BEFORE_S, _FELT_BEFORE_S + _FELT_AFTER_S, f"{device.device}/{fall_ms}"
        )
        for second in range(_FELT_BEFORE_S + _FELT_AFTER_S):
            part = samples[second * acceleration.RATE : (second + 1) * acceleration.RATE]
            yield device.motion(fall_ms + (second + 1 - _FELT_BEFORE_S) * 1000, part)

    def _worn(self, person: Person, life: Life, device: NativeDevice, charged: int) -> Iterator[Publication]:
        rng = self.timetable.rng(person.wearable, "worn")
        every = self.scenario.every.wearable
        day = local(self.start_ms)
        steps = rng.randrange(150, 260) * max(0, day.hour - 6)
        for count, at in enumerate(self._ticks(person.wearable, every)):
            now = local(at)
            if now.date() != day.date():
                day, steps = now, 0
            steps += life.walked(at, every / MINUTE_MS, rng)
            values: dict[str, float | bool] = {
                "heart_rate": life.heart_rate(at, rng),
                "skin_temperature": round(32.6 + rng.gauss(0, 0.3), 1),
                "steps": steps,
                "worn": True,
                "battery": _battery(charged, at),
            }
            if count % _SPO2_EVERY == 0:
                values["spo2"] = life.spo2(rng)
            yield device.telemetry(at, values)

    def _bed(self, person: Person, life: Life) -> Iterator[Publication]:
        device = self._native(person.bed_sensor)
        times = self.timetable
        first = self.start_ms + times.rng(person.bed_sensor, "first").randrange(_OWN_DEVICE_FIRST_MS)
        moves = [
            (at, name)
            for span in life.in_bed
            for at, name in zip(span, ("bed_enter", "bed_exit"), strict=True)
        ]
        staff = times.rng(person.id, "staff")
        return self._heard(
            person.bed_sensor,
            home.GATEWAY,
            [device.status(first)],
            (device.event(at, "visit", f"s-{staff.randrange(1, 5):02}") for at in times.visits(person)),
            (device.event(at, name) for at, name in moves if self.start_ms <= at < self.end_ms),
            self._felt(person, life, device),
        )

    def _felt(self, person: Person, life: Life, device: NativeDevice) -> Iterator[Publication]:
        rng = self.timetable.rng(person.bed_sensor, "felt")
        for at in self._ticks(person.bed_sensor, self.scenario.every.bed):
            values: dict[str, float | bool] = {"bed_occupied": life.lies(at)}
            if life.lies(at):
                values["heart_rate"] = life.heart_rate(at, rng)
                values["respiratory_rate"] = life.respiratory_rate(rng)
            yield device.telemetry(at, values)

    def _button(self, person: Person) -> Iterator[Publication]:
        rng = self.timetable.rng(person.button)
        button = zigbee2mqtt.Button(person.button, link_quality=rng.randrange(60, 200))
        battery = rng.randrange(55, 101)
        first = self.start_ms + rng.randrange(_OWN_DEVICE_FIRST_MS)
        return self._heard(
            person.button,
            zigbee2mqtt.BRIDGE,
            [button.availability(first, "online")],
            (
                button.availability(at, "online" if back else "offline")
                for at, back in self._comings_and_goings(person.button)
            ),
            (
                said
                for at in sorted(self.timetable.presses(person, "button"))
                for said in button.press(at, battery)
            ),
            (button.report(at, battery) for at in self._ticks(person.button, self.scenario.every.button)),
        )


def _battery(charged_ms: int, at_ms: int) -> int:
    """Falls from 100 to 20 % in four days; then the watch was charged over night."""
    return 100 - 80 * ((at_ms - charged_ms) % _CHARGE_LASTS_MS) // _CHARGE_LASTS_MS
