"""What should be alerted in a site. Rule: it follows from what happened and the requirements, nothing else.

Not from what was sent: only where nothing can have been heard (a dead sensor, a lost gateway) an expectation
is no `must`; the loss of her protection is then one itself. What lies within a sensor's own delays of a limit
may be raised or not. Kinds are those of DESIGN section 7; of `missed_check` the check is named too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import time

from simulators.life import DAY_MS, HOUR_MS, MINUTE_MS, Span, at_local, local
from simulators.truth import Expected
from simulators.village import limits
from simulators.village.checks import missed_checks
from simulators.village.diary import Stay
from simulators.village.fate import Fall, Fate
from simulators.village.faults import Faults
from simulators.village.people import Villager
from simulators.village.rooms import Fire
from simulators.village.staff import Staff
from simulators.village.village import Site
from simulators.zigbee2mqtt import BRIDGE

_HEARD_WITHIN_MS = 100_000  # the radio may be so late
_TOLD_BY_BED_MS = 90_000  # what a bed sensor takes to make sure, and the radio


def expected(site: Site) -> list[Expected]:
    """Every alert that should, or may, be raised during the run, in time order."""
    found = [each for one in site.people for each in _of(site, one)]
    found += [each for fire in site.fires for each in _fire(site, fire)]
    within = (each for each in found if site.start_ms <= each.at_ms < site.end_ms)
    return sorted(
        (_sure(each, site.end_ms) for each in within), key=lambda each: (each.at_ms, each.rule, each.subjects)
    )


def _sure(each: Expected, end_ms: int) -> Expected:
    """What may still be raised after the end is no must."""
    return replace(each, must=False) if each.at_ms + each.within_ms >= end_ms else each


def _of(site: Site, one: Villager) -> Iterator[Expected]:
    fate, staff, faults = site.fates[one.id], site.staff[one.id], site.faults
    yield from _presses(fate, faults)
    yield from _falls(fate, faults)
    if one.bed:
        yield from _bed_exits(site, fate, staff)
    yield from _still(fate, faults)
    yield from _strays(fate, staff, faults)
    yield from _illnesses(fate, faults)
    yield from missed_checks(site, fate, staff)
    yield from _unprotected(site, fate)


def _presses(fate: Fate, faults: Faults) -> Iterator[Expected]:
    one = fate.person
    for press in fate.presses:
        via = BRIDGE if one.speaks == "zigbee" and press.device == one.device("button") else one.gateway
        heard = faults.heard_at(press.device, via, press.at)
        within = (heard or press.at) - press.at + _HEARD_WITHIN_MS
        yield Expected("sos", "high", press.at, within, (one.id,), must=heard is not None, happened="pressed")


def _falls(fate: Fate, faults: Faults) -> Iterator[Expected]:
    one = fate.person
    subjects = (one.id, one.room)
    for fall in fate.falls:
        heard = faults.heard_at(fall.told, one.gateway, fall.at) if fall.told else None
        within = (heard or fall.at) - fall.at + _HEARD_WITHIN_MS
        said = f"fell, {fall.told or 'unnoticed'}, lay {(fall.up - fall.at) // 1000} s"
        yield Expected("fall", "high", fall.at, within, subjects, must=heard is not None, happened=said)
        yield from _long_lie(fall, subjects, said, heard)


def _long_lie(fall: Fall, subjects: tuple[str, ...], said: str, heard: int | None) -> Iterator[Expected]:
    """R-71, R-72: nobody up after 30 s is told, and again while it lasts."""
    long = fall.up - fall.at > 3 * MINUTE_MS
    told = heard is not None and heard < fall.at + 10_000
    until = max(fall.up, heard or 0) - fall.at + 3 * MINUTE_MS
    yield Expected("long_lie", "high", fall.at, until, subjects, must=told and long, happened=said)


def _bed_exits(site: Site, fate: Fate, staff: Staff) -> Iterator[Expected]:
    """R-75: out of bed for longer than her time, from when she has been in it, at night."""
    one = fate.person
    sensor, limit = one.device("bed"), limits.bed_exit_limit_ms(one)
    # staff in the room, be it for her neighbour
    assists = [span for mate in site.rooms[one.room] for span in site.staff[mate.id].assists]
    for out in _without_naps(fate.diary.out_of_bed()):
        opens, closes = _night(out.start)
        due = out.start + limit
        if due >= closes + MINUTE_MS or out.end < due - MINUTE_MS or out.start < site.start_ms:
            continue
        if out.start < opens - 2 * HOUR_MS:
            continue  # she has not gone to bed yet
        sure = (
            opens <= out.start
            and due < closes - MINUTE_MS
            and out.end > due + _TOLD_BY_BED_MS
            and not any(start <= due and out.start <= end for start, end in assists)
            and site.faults.heard_all(sensor, one.gateway, out.start - 30 * MINUTE_MS, due + MINUTE_MS)
            and not fate.away_about(out.start - MINUTE_MS, due + 30 * MINUTE_MS)
            and not staff.came(due - 10 * MINUTE_MS, due + MINUTE_MS)
        )
        said = f"out of bed {(out.end - out.start) // MINUTE_MS} min, {out.where}; limit {limit // MINUTE_MS}"
        if (site.setting.eventful or out.end - out.start < 3 * HOUR_MS) and not fate.away(due):
            within = min(out.end, closes) - due + _TOLD_BY_BED_MS
            yield Expected(
                "bed_exit",
                "medium",
                due,
                3 * MINUTE_MS if sure else max(within, 3 * MINUTE_MS),
                (one.id,),
                must=sure,
                early_ms=MINUTE_MS,
                happened=said,
            )


def _without_naps(outs: Iterable[Stay]) -> Iterator[Stay]:
    """Times out of bed, those with hardly a moment in bed between them in one."""
    last: Stay | None = None
    for out in outs:
        if last is not None and out.start - last.end < 3 * MINUTE_MS:
            last = last._replace(end=out.end)
        else:
            if last is not None:
                yield last
            last = out
    if last is not None:
        yield last


def _night(at_ms: int) -> Span:
    """The night that counts for a bed exit: the one of this moment, or the next."""
    day = local(at_ms)
    if day.hour < limits.NIGHT_TO:
        closes = at_local(day, time(limits.NIGHT_TO))
        return closes - (24 + limits.NIGHT_TO - limits.NIGHT_FROM) * HOUR_MS, closes
    opens = at_local(day, time(limits.NIGHT_FROM))
    return opens, opens + (24 + limits.NIGHT_TO - limits.NIGHT_FROM) * HOUR_MS


def _still(fate: Fate, faults: Faults) -> Iterator[Expected]:
    """R-81: lying somewhere without a sign of life for four hours of the day."""
    one = fate.person
    via = BRIDGE if one.speaks == "zigbee" else one.gateway
    for start, found in fate.still:
        due = start + limits.STILL_MS
        sure = not faults.lost(via, start - HOUR_MS, due) and not fate.away(start)
        said = f"lay still {(found - start) // MINUTE_MS} min"
        yield Expected(
            "inactivity",
            "medium",
            due,
            20 * MINUTE_MS,
            (one.id,),
            must=sure,
            early_ms=2 * HOUR_MS,  # she may have sat in her chair before
            happened=said,
        )
        yield Expected(
            "inactivity", "medium", due, found - due + HOUR_MS, (one.id,), must=False, happened=said
        )


def _strays(fate: Fate, staff: Staff, faults: Faults) -> Iterator[Expected]:
    """R-80: out of the door at night."""
    one = fate.person
    watch, door = one.device("watch"), one.device("door")
    for passes, back in fate.strays:
        if one.dwelling == "care":
            heard = (
                one.watch
                and faults.heard_at(watch, one.gateway, passes) == passes
                and faults.tells_time(watch, passes)
            )
        else:
            via = BRIDGE if one.speaks == "zigbee" else one.gateway
            heard = faults.heard_at(door, via, passes) == passes
        said = f"out of the door for {(back - passes) // MINUTE_MS} min"
        sure = heard and not staff.came(passes - 10 * MINUTE_MS, passes)
        yield Expected(
            "wandering", "high", passes, _HEARD_WITHIN_MS, (one.id,), must=sure, early_ms=5000, happened=said
        )
        yield Expected(
            "wandering", "high", passes, back - passes + 5 * MINUTE_MS, (one.id,), must=False, happened=said
        )
    if one.dwelling == "flat" and limits.must_not_go_out(one):
        for at in staff.done("visit"):  # who comes to help at night opens the same door
            yield Expected(
                "wandering",
                "high",
                at,
                HOUR_MS,
                (one.id,),
                must=False,
                early_ms=5 * MINUTE_MS,
                happened="visited",
            )


def _illnesses(fate: Fate, faults: Faults) -> Iterator[Expected]:
    """Every illness that comes is red by one value of section 6.1, and far out by one for `vitals`."""
    one = fate.person
    for ill in fate.illnesses:
        said = f"ill: pulse +{ill.pulse:.0f}, breath +{ill.breath:.0f}, oxygen {ill.oxygen:.0f}"
        measured = one.dwelling == "care" or (
            one.watch and ill.breath < ill.pulse / 5
        )  # a watch counts no breath
        sure = (
            measured
            and not fate.lies_still(ill.full)
            and not fate.away_about(ill.onset, ill.ends)
            and not faults.lost(one.gateway, ill.onset, ill.wanes)
            and not faults.lost(one.device("watch"), ill.onset, ill.wanes)
        )
        for kind in ("news2", "vitals"):
            worst = Expected(kind, "high", ill.full, ill.wanes - ill.full, (one.id,), happened=said)
            yield replace(worst, must=sure, early_ms=ill.full - ill.onset)
            until = ill.ends - ill.onset + 2 * HOUR_MS
            yield Expected(kind, "high", ill.onset, until, (one.id,), must=False, happened=said)


def _unprotected(site: Site, fate: Fate) -> Iterator[Expected]:
    """R-22, R-27: no working way to call for help, as soon as anybody can know."""
    one, faults = fate.person, site.faults
    via = BRIDGE if one.speaks == "zigbee" else one.gateway
    lines = [(one.device("button"), via)]
    lines += [(one.device("watch"), one.gateway)] if one.watch else []
    lost = [_line_lost(faults, *line) for line in lines]
    for start, end in _in_all(lost):
        sure = (
            end - start > 2 * MINUTE_MS
            and not fate.away_about(start, end)
            and not any(down.start < end and start < down.end + MINUTE_MS for down in faults.broker)
        )
        said = f"no way to call for {(end - start) // MINUTE_MS} min"
        yield Expected("unprotected", "medium", start, 3 * MINUTE_MS, (one.id,), must=sure, happened=said)
        within = end - start + 10 * MINUTE_MS
        yield Expected("unprotected", "medium", start, within, (one.id,), must=False, happened=said)
    for line in lost if len(lost) > 1 else ():
        for start, end in line:  # the other one may lie on its charger
            said = "one of two ways to call is lost"
            within = end - start + 10 * MINUTE_MS
            yield Expected("unprotected", "medium", start, within, (one.id,), must=False, happened=said)


def _line_lost(faults: Faults, device: str, via: str) -> list[Span]:
    """When it can be known that a device is not to be heard."""
    spans = [
        (outage.told, outage.end)
        for name in (device, via)
        for outage in faults.by_name.get(name, ())
        if outage.told and outage.told < outage.end
    ]
    spans += [
        (outage.start + DAY_MS + HOUR_MS, outage.end)  # its silence alone tells after 25 h
        for outage in faults.by_name.get(device, ())
        if not outage.told and outage.end - outage.start > DAY_MS + HOUR_MS
    ]
    return sorted(spans)


def _in_all(lost: list[list[Span]]) -> Iterator[Span]:
    """When all lines are lost."""
    if len(lost) == 1:
        yield from lost[0]
        return
    first, second = lost
    for start, end in first:
        for other, other_end in second:
            if start < other_end and other < end:
                yield max(start, other), min(end, other_end)


def _fire(site: Site, fire: Fire) -> Iterator[Expected]:
    """R-54: smoke."""
    heard = site.faults.heard_at(fire.device, BRIDGE, fire.start)
    told = next(
        (at for at in range(fire.start, fire.end, MINUTE_MS) if site.faults.heard_at("", BRIDGE, at)), None
    )
    live = tuple(one.id for one in site.people if one.place == fire.place)
    within = (told or fire.start) - fire.start + _HEARD_WITHIN_MS
    said = f"smoke for {(fire.end - fire.start) // MINUTE_MS} min at {fire.place}"
    yield Expected(
        "environment", "high", fire.start, within, (fire.place, *live), must=heard is not None, happened=said
    )
    until = fire.end - fire.start + HOUR_MS
    yield Expected("environment", "high", fire.start, until, (fire.place, *live), must=False, happened=said)
