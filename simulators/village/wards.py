"""What staff report with: scanners, the desk, the cart for vital signs. Rule: they name of whom they speak.

Shared devices belong to nobody; what they say is about the resident (or the place) that they name.
"""

from collections.abc import Iterable, Iterator, Mapping
from random import Random

from simulators.life import MINUTE_MS, Body
from simulators.native import NativeDevice
from simulators.publication import Publication
from simulators.village import limits
from simulators.village.diary import AWAY, FLOOR
from simulators.village.fate import Fate
from simulators.village.run import Run
from simulators.village.staff import Staff
from simulators.village.worn import breath_of, oxygen, pulse_of

PHONE, DESK, CART = "visitors-phone", "desk", "cart"


def scanner(run: Run, name: str, via: str, staff: Mapping[str, Staff]) -> Iterator[Publication]:
    """What a floor's scanner, or the phone of those who visit, reads from tags."""
    device = run.native(name, via)
    deeds = sorted((deed, resident) for resident, done in staff.items() for deed in done.deeds)
    said = (
        device.event(deed.at, deed.what, deed.by, {"resident": resident}, note=deed.proof)
        for deed, resident in deeds
    )
    return run.heard(name, via, said)


def desk(run: Run, fates: Iterable[Fate]) -> Iterator[Publication]:
    """Who is away, as the desk (or the family) tells it: some minutes early, and some minutes late."""
    device = run.native(DESK, "")
    rng = run.rng(DESK)
    told: list[tuple[int, str, str]] = []
    for fate in fates:
        for gone in fate.absences:
            told.append((gone.start - rng.randrange(-4, 20) * MINUTE_MS, fate.person.id, gone.why))
            told.append((gone.end + rng.randrange(0, 8) * MINUTE_MS, fate.person.id, "present"))
    said = (device.telemetry(at, {"absence": why}, {"resident": who}) for at, who, why in sorted(told))
    return run.heard(DESK, "", said)


def cart(run: Run, fate: Fate, body: Body) -> Iterator[Publication]:
    """Vital signs taken by a nurse in the care home, again as soon as the last ones ask for it (R-67)."""
    of_her = f"{run.name}-{fate.person.id}"  # one cart says it all: no id twice
    device = NativeDevice(run.site, CART, of_her, "", run.faults.clock(CART))
    taken = (
        device.telemetry(
            at, {**values, "consciousness": "A", "supplemental_oxygen": False}, {"resident": fate.person.id}
        )
        for at, values in _taken(run, fate, body)
    )
    return run.heard(CART, "", taken)


def _taken(run: Run, fate: Fate, body: Body) -> Iterator[tuple[int, dict[str, float]]]:
    rng = run.rng(fate.person.id, CART)
    noticed = [
        (ill.onset + ill.full) // 2 + rng.randrange(40) * MINUTE_MS for ill in fate.illnesses
    ]  # somebody sees that she is not well
    at = run.start_ms + rng.randrange(20, 120) * MINUTE_MS
    while at < run.end_ms:
        stay = fate.diary.at(at)
        if stay.where in {AWAY, FLOOR}:
            at = stay.end + rng.randrange(15, 40) * MINUTE_MS
            continue
        values = _values(rng, fate, body, at)
        yield at, values
        within = limits.measure_again_ms(values)
        again = at + within - rng.randrange(within // 12, within // 6)
        at = next((seen for seen in noticed if at < seen < again), again)


def _values(rng: Random, fate: Fate, body: Body, at: int) -> dict[str, float]:
    ill = fate.ill(at)
    warmer = ill[0].warmth * ill[1] if ill else 0.0
    return {
        "heart_rate": round(pulse_of(fate, body, at, 2) + rng.gauss(0, 1.5)),
        "respiratory_rate": round(breath_of(fate, body, at)),
        "spo2": round(oxygen(rng, fate, body, at)),
        "body_temperature": round(36.6 + warmer + rng.gauss(0, 0.15), 1),
        "bp_systolic": round(132 + rng.gauss(0, 5)),
        "bp_diastolic": round(78 + rng.gauss(0, 3)),
    }
