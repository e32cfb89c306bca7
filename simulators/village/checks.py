"""Which checks were missed in a site: rounds, turning, "I am fine", visits at home. Rule: as `truth` has it.

A check counts from when it was made. It is missed for sure where its report can have come in time, or where
nobody made it; about who is away, or has just come back, nobody is asked.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import time

from simulators.life import DAY_MS, HOUR_MS, MINUTE_MS, at_local, days
from simulators.timetable import CHECK_IN_BY, CHECK_IN_GRACE_MS, CHECK_IN_OPENS
from simulators.truth import Expected, overdue
from simulators.village import limits
from simulators.village.fate import Fate
from simulators.village.staff import Staff
from simulators.village.village import Site

CHECK_IN = "missed_check/check_in"
VISIT = "missed_check/visit"
TURNING = "missed_check/turning"
AT_HOME = "missed_check/community_visit"


def missed_checks(site: Site, fate: Fate, staff: Staff) -> Iterator[Expected]:
    """What should be, or may be, raised about one resident."""
    yield from _check_ins(site, fate, staff)
    if fate.person.dwelling == "care":
        yield from _rounds(site, fate, staff)
        yield from _turns(site, fate, staff)
    else:
        yield from _visits(site, fate, staff)
        yield from _visits_after(site, fate, staff)


def _check_ins(site: Site, fate: Fate, staff: Staff) -> Iterator[Expected]:
    """R-82: nobody said "I am fine" in the morning."""
    one = fate.person
    for day in days(site.start_ms, site.end_ms):
        opens, by = at_local(day, CHECK_IN_OPENS), at_local(day, CHECK_IN_BY)
        made = [at for at in staff.check_ins if opens <= at <= by]
        due = by + CHECK_IN_GRACE_MS
        if opens < site.start_ms or fate.away_about(opens, due):
            continue
        device, via = (one.device("watch"), one.gateway) if one.dwelling == "care" else ("", "")
        if made and all(
            _in_time(site.faults.heard_at(device, via, at), due) and site.faults.tells_time(device, at)
            for at in made
        ):
            continue
        said = "said nothing" if not made else "said it, and was not heard"
        must = Expected(CHECK_IN, "medium", due, MINUTE_MS, (one.id,), must=not made, happened=said)
        yield from (must, replace(must, within_ms=HOUR_MS, must=False))  # said again and again


def _in_time(heard: int | None, due: int) -> bool:
    return heard is not None and heard < due - 2 * MINUTE_MS


def _rounds(site: Site, fate: Fate, staff: Staff) -> Iterator[Expected]:
    """R-78: the time between two visits at night, and a tenth of it, has passed."""
    one = fate.person
    every = limits.ROUND_EVERY_MS[one.care_level]
    made = staff.done("visit")
    scanner = f"scanner-{one.floor}"
    for day in days(site.start_ms, site.end_ms):
        dusk = at_local(day, time(limits.ROUNDS_FROM))
        dawn = dusk + (24 + limits.ROUNDS_TO - limits.ROUNDS_FROM) * HOUR_MS
        if dusk < site.start_ms:
            continue
        for at in overdue(every, (dusk, dawn), made):
            if not fate.away_about(at - 2 * every, at):
                told = site.faults.heard_all(scanner, one.gateway, at - 2 * every, at)
                yield Expected(VISIT, "medium", at, MINUTE_MS, (one.id,), must=told, happened="nobody came")
        for lost in (*site.faults.by_name[one.gateway], *site.faults.broker):
            if dusk < lost.end and lost.start < dawn:  # rounds were made, and not heard of in time
                within = lost.end - lost.start + every
                yield Expected(VISIT, "medium", lost.start, within, (one.id,), must=False, happened="unheard")


def _turns(site: Site, fate: Fate, staff: Staff) -> Iterator[Expected]:
    """R-76: not turned for a quarter of the interval longer than it is."""
    one = fate.person
    every = limits.TURN_EVERY_MS.get(one.risk("pressure_ulcer"))
    if every is None:
        return
    made = staff.done("turned")
    returns = [gone.end for gone in fate.absences]
    bases = sorted({site.start_ms, *made, *returns})
    for base, following in zip(bases, [*bases[1:], site.end_ms], strict=True):
        late = base + every + every // limits.LATE_PARTS_OF_A_TURN
        heard = site.faults.heard_all(f"scanner-{one.floor}", one.gateway, base - MINUTE_MS, late)
        if following > late - MINUTE_MS or not heard:
            sure = heard and following > late + MINUTE_MS and not fate.away_about(base - every, following)
            must = Expected(TURNING, "low", late, 2 * MINUTE_MS, (one.id,), happened="not turned")
            yield replace(must, must=sure, early_ms=0 if sure else every)
            yield replace(must, within_ms=max(following - late, 0) + every, must=False, early_ms=every)


def _visits(site: Site, fate: Fate, staff: Staff) -> Iterator[Expected]:
    """R-83: nobody came to her home in the week, the month or the quarter."""
    one = fate.person
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
            sure = not near and not fate.away_about(due - DAY_MS, late)
            must = Expected(AT_HOME, "low", late, 2 * MINUTE_MS, (one.id,), happened="nobody came in time")
            yield replace(must, must=sure)
            yield replace(must, within_ms=3 * DAY_MS, must=False)
        opens = due


def _visits_after(site: Site, fate: Fate, staff: Staff) -> Iterator[Expected]:
    """R-83: nobody came within a day of her return from hospital, or of a fall that was heard of."""
    one = fate.person
    made = staff.done("visit")
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
