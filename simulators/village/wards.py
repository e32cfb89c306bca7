"""What staff report with: scanners, the desk, the cart for vital signs. Rule: they name of whom they speak.

Shared devices belong to nobody; what they say is about the resident (or the place) that they name.
"""

from collections.abc import Iterable, Iterator, Mapping

from simulators.life import DAY_MS, HOUR_MS, MINUTE_MS, Body
from simulators.native import Value
from simulators.publication import Publication
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
    """Vital signs taken by a nurse in the care home: morning and evening, and hourly when she is ill."""
    device = run.native(CART, "")
    rng = run.rng(fate.person.id, CART)

    def taken() -> Iterator[Publication]:
        for at in measured_at(run, fate):
            ill = fate.ill(at)
            worse = ill[1] if ill else 0.0
            values: dict[str, Value] = {
                "heart_rate": round(pulse_of(fate, body, at, 2) + rng.gauss(0, 1.5)),
                "respiratory_rate": round(breath_of(fate, body, at)),
                "spo2": round(oxygen(rng, fate, body, at)),
                "body_temperature": round(
                    36.6 + rng.gauss(0, 0.15) + (ill[0].warmth if ill else 0) * worse, 1
                ),
                "bp_systolic": round(132 + rng.gauss(0, 5)),
                "bp_diastolic": round(78 + rng.gauss(0, 3)),
                "consciousness": "A",
                "supplemental_oxygen": False,
            }
            yield device.telemetry(at, values, {"resident": fate.person.id})

    return run.heard(CART, "", taken())


def measured_at(run: Run, fate: Fate) -> list[int]:
    """When a nurse takes her vital signs."""
    rng = run.rng(fate.person.id, "rounds of the cart")
    found: list[int] = []
    for midnight in range(run.start_ms - run.start_ms % DAY_MS - 8 * HOUR_MS, run.end_ms, DAY_MS):
        found += [midnight + int(rng.uniform(*hours) * HOUR_MS) for hours in ((8.1, 8.9), (18.4, 19.4))]
    for ill in fate.illnesses:
        begins = ill.onset + (ill.full - ill.onset) // 2
        found += range(begins + rng.randrange(40) * MINUTE_MS, ill.wanes + 2 * HOUR_MS, 50 * MINUTE_MS)
    return sorted(
        at for at in found if run.start_ms <= at < run.end_ms and fate.diary.at(at).where not in {AWAY, FLOOR}
    )
