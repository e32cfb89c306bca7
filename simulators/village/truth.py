"""What should be alerted in a site. Rule: it follows from what happened and the requirements, nothing else.

Not from what was sent: only where nothing can have been heard (a dead sensor, a lost gateway) an expectation
is no `must`; the loss of her protection is then one itself. What lies within a sensor's own delays of a limit
may be raised or not. Kinds are those of DESIGN section 7; of `missed_check` the check is named too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import time

from simulators.life import DAY_MS, HOUR_MS, MINUTE_MS, Span, at_local, days, local
from simulators.timetable import CHECK_IN_BY, CHECK_IN_GRACE_MS, CHECK_IN_OPENS
from simulators.truth import Expected, overdue
from simulators.village import limits
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
CHECK_IN = "missed_check/check_in"
VISIT = "missed_check/visit"
TURNING = "missed_check/turning"
AT_HOME = "missed_check/community_visit"


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
    yield from _check_ins(site, fate, staff)
    yield from _rounds(site, fate, staff)
    yield from _turns(site, fate, staff)
    yield from _visits(site, fate, staff)
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
    limit = limits.bed_exit_limit_ms(one)
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
            and not any(start <= due and out.start <= end for start, end in staff.assists)
            and _all_heard(site, one.device("bed"), one.gateway, out.start - 30 * MINUTE_MS, due + MINUTE_MS)
            and not _away(fate, out.start - MINUTE_MS, due + 30 * MINUTE_MS)
            and not _seen(staff, due - 10 * MINUTE_MS, due + MINUTE_MS)
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
        sure = not _lost(faults, via, start - HOUR_MS, due) and not fate.away(start)
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
        sure = heard and not _seen(staff, passes - 10 * MINUTE_MS, passes)
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
            and not _away(fate, ill.onset, ill.ends)
            and not _lost(faults, one.gateway, ill.onset, ill.wanes)
            and not _lost(faults, one.device("watch"), ill.onset, ill.wanes)
        )
        for kind in ("news2", "vitals"):
            worst = Expected(kind, "high", ill.full, ill.wanes - ill.full, (one.id,), happened=said)
            yield replace(worst, must=sure, early_ms=ill.full - ill.onset)
            until = ill.ends - ill.onset + 2 * HOUR_MS
            yield Expected(kind, "high", ill.onset, until, (one.id,), must=False, happened=said)


def _check_ins(site: Site, fate: Fate, staff: Staff) -> Iterator[Expected]:
    """R-82: nobody said "I am fine" in the morning."""
    one = fate.person
    for day in days(site.start_ms, site.end_ms):
        opens, by = at_local(day, CHECK_IN_OPENS), at_local(day, CHECK_IN_BY)
        made = [at for at in staff.check_ins if opens <= at <= by]
        due = by + CHECK_IN_GRACE_MS
        if opens < site.start_ms or _away(fate, opens, due):
            continue
        device, via = (one.device("watch"), one.gateway) if one.dwelling == "care" else ("", "")
        if made and all(
            _in_time(site.faults.heard_at(device, via, at), due) and site.faults.tells_time(device, at)
            for at in made
        ):
            continue
        said = "said nothing" if not made else "said it, and was not heard"
        must = Expected(CHECK_IN, "low", by, CHECK_IN_GRACE_MS, (one.id,), must=not made, happened=said)
        yield from (must, replace(must, within_ms=HOUR_MS + MINUTE_MS, must=False))  # said again and again


def _in_time(heard: int | None, due: int) -> bool:
    return heard is not None and heard < due - 2 * MINUTE_MS


def _rounds(site: Site, fate: Fate, staff: Staff) -> Iterator[Expected]:
    """R-78: the time between two visits at night, and a tenth of it, has passed."""
    one = fate.person
    if one.dwelling != "care":
        return
    every = limits.ROUND_EVERY_MS[one.care_level]
    made = staff.done("visit")
    scanner = f"scanner-{one.floor}"
    for day in days(site.start_ms, site.end_ms):
        dusk = at_local(day, time(limits.ROUNDS_FROM))
        dawn = dusk + (24 + limits.ROUNDS_TO - limits.ROUNDS_FROM) * HOUR_MS
        if dusk < site.start_ms:
            continue
        for at in overdue(every, (dusk, dawn), made):
            if not _away(fate, at - 2 * every, at):
                told = _all_heard(site, scanner, one.gateway, at - 2 * every, at)
                yield Expected(VISIT, "medium", at, MINUTE_MS, (one.id,), must=told, happened="nobody came")
        for lost in (*site.faults.by_name[one.gateway], *site.faults.broker):
            if dusk < lost.end and lost.start < dawn:  # rounds were made, and not heard of in time
                within = lost.end - lost.start + every
                yield Expected(VISIT, "medium", lost.start, within, (one.id,), must=False, happened="unheard")


def _turns(site: Site, fate: Fate, staff: Staff) -> Iterator[Expected]:
    """R-76: not turned for a quarter of the interval longer than it is."""
    one = fate.person
    every = limits.TURN_EVERY_MS.get(one.risk("pressure_ulcer"))
    if one.dwelling != "care" or every is None:
        return
    made = staff.done("turned")
    returns = [gone.end for gone in fate.absences]
    bases = sorted({site.start_ms, *made, *returns})
    for base, following in zip(bases, [*bases[1:], site.end_ms], strict=True):
        late = base + every + every // limits.LATE_PARTS_OF_A_TURN
        heard = _all_heard(site, f"scanner-{one.floor}", one.gateway, base - MINUTE_MS, late)
        if following > late - MINUTE_MS or not heard:
            sure = heard and following > late + MINUTE_MS and not _away(fate, base - every, following)
            must = Expected(TURNING, "low", late, 2 * MINUTE_MS, (one.id,), happened="not turned")
            yield replace(must, must=sure, early_ms=0 if sure else every)
            yield replace(must, within_ms=max(following - late, 0) + every, must=False, early_ms=every)


def _visits(site: Site, fate: Fate, staff: Staff) -> Iterator[Expected]:
    """R-83: nobody came to her home in the week or month, or within a day of a change."""
    one = fate.person
    if not one.visit_tier:
        return
    made = staff.done("visit")
    opens = site.start_ms
    for due in limits.visits_due(site.start_ms, site.end_ms, one.visit_tier):
        late = due + limits.VISITS_GRACE_MS
        near = any(
            abs(at - edge) < HOUR_MS or edge < at < edge + limits.VISITS_GRACE_MS
            for at in made
            for edge in (opens, due)
        )
        if near or not any(opens < at < due for at in made):
            sure = not near and not _away(fate, due - DAY_MS, late)
            must = Expected(AT_HOME, "low", late, 2 * MINUTE_MS, (one.id,), happened="nobody came in time")
            yield replace(must, must=sure)
            yield replace(must, within_ms=3 * DAY_MS, must=False)
        opens = due
    changes = [(gone.end, "back from hospital") for gone in fate.absences if gone.why == "hospital"]
    changes += [
        (fall.at, "fell")
        for fall in fate.falls
        if fall.told and site.faults.heard_at(fall.told, one.gateway, fall.at) is not None
    ]
    for at, said in changes:
        late = at + limits.AFTER_CHANGE_MS
        if not any(at < came < late - HOUR_MS for came in made):
            sure = not any(late - HOUR_MS < came < late + HOUR_MS for came in made)
            sure = sure and not any(
                gone.start < late + HOUR_MS and at < gone.end - HOUR_MS for gone in fate.absences
            )
            must = Expected(AT_HOME, "medium", late, HOUR_MS, (one.id,), happened=f"{said}, nobody came")
            yield replace(must, must=sure)
            yield replace(must, within_ms=3 * DAY_MS, must=False)


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
            and not _away(fate, start, end)
            and not any(one.start < end and start < one.end + MINUTE_MS for one in faults.broker)
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


def _lost(faults: Faults, name: str, start: int, end: int) -> bool:
    """Whether a gateway or device, or the broker, was lost at some time of a span."""
    spans = [(one.start, one.end) for one in (*faults.by_name.get(name, ()), *faults.broker)]
    spans += [faults.astray[name]] if name in faults.astray else []
    return any(since < end and start < until for since, until in spans)


def _all_heard(site: Site, device: str, via: str, start: int, end: int) -> bool:
    return not (_lost(site.faults, device, start, end) or _lost(site.faults, via, start, end))


def _away(fate: Fate, start: int, end: int) -> bool:
    """Whether she was away, by the desk's word too, at some time of a span."""
    return any(gone.start - HOUR_MS < end and start < gone.end + HOUR_MS for gone in fate.absences)


def _seen(staff: Staff, start: int, end: int) -> bool:
    """Whether staff were with her in a span."""
    return any(start <= at < end for at in staff.done("visit"))
