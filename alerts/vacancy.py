"""A post that will be empty: known before it is (R-41), over as soon as somebody is found.

Rule: what is known of gaps is given and given back, so one gap is one alert, however often it is looked at.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts.duty import Duty, Gap
from alerts.episode import Episode
from rules.decision import DUTY, Change, Decision, Evidence, Severity

AHEAD_MS = 12 * 3_600_000
"""A gap is told so long before it begins, or as soon as it is made."""

_END_MS = 24 * 3_600_000  # so much further its end is looked for

METRIC = "duty_gap"


def duty_decisions(duty: Duty, known: Collection[Gap], now: int) -> tuple[list[Decision], tuple[Gap, ...]]:
    """What to raise and clear at `now` (ms UTC), and the gaps that are known then.

    A gap under way keeps the beginning that it is known by. `known`: what this gave the last time, or after a
    restart what `known_gaps` makes of the alerts.
    """
    coming = [gap for gap in duty.gaps(now, now + AHEAD_MS + _END_MS) if gap.begin < now + AHEAD_MS]
    zones = {(cover.places[0], cover.role): cover.zone for cover in duty.covers}
    before = {_name(gap): gap for gap in known}
    found = {}
    for gap in coming:
        begin = next((one.begin for one in known if gap.begin == now and _goes_on(one, gap)), gap.begin)
        gap = Gap(begin, gap.end, gap.place, gap.role)  # noqa: PLW2901  the same one
        found[_name(gap)] = gap
    decisions = [
        _decision(Change.CLEAR, gap, zones.get((gap.place, gap.role), ""), now)
        for name, gap in before.items()
        if name not in found
    ]
    decisions += [
        _decision(Change.RAISE, gap, zones[gap.place, gap.role], now)
        for name, gap in found.items()
        if name not in before
    ]
    return decisions, tuple(sorted(found.values()))


def known_gaps(episodes: Collection[Episode]) -> tuple[Gap, ...]:
    """The gaps that alerts were raised for and not cleared, resolved ones among them."""
    return tuple(sorted(_gaps(episodes)))


def _gaps(episodes: Collection[Episode]) -> Iterator[Gap]:
    for episode in episodes:
        facts = episode.facts
        if episode.kind == DUTY and episode.metric == METRIC and episode.active:
            place = episode.subjects[0].subject
            yield Gap(int(facts["begin"]), int(facts["end"]), place, str(facts["role"]))


def _name(gap: Gap) -> tuple[str, str, int]:
    return gap.place, gap.role, gap.begin


def _goes_on(known: Gap, gap: Gap) -> bool:
    same = (known.place, known.role) == (gap.place, gap.role)
    return same and known.begin <= gap.begin <= known.end


def _decision(change: Change, gap: Gap, zone: str, now: int) -> Decision:
    # The key says when it was found: a post that is filled and empty again is news.
    name = f"{gap.place}/{gap.role}/{gap.begin}"
    facts: dict[str, str | int] = {"role": gap.role, "begin": gap.begin, "end": gap.end}
    if zone:
        facts |= {"from": local(gap.begin, zone), "until": local(gap.end, zone)}
    return Decision(
        change=change,
        rule=DUTY,
        kind=DUTY,
        subject=gap.place,
        cause=f"duty:{name}",
        severity=Severity.HIGH,
        at=now,
        evidence=Evidence(f"{name}@{now}", METRIC, "", now, now),
        facts=facts,
    )


def local(at: int, zone: str) -> str:
    """An instant as people say it on the ward: "12-02 20:00"."""
    return f"{datetime.fromtimestamp(at / 1000, ZoneInfo(zone)):%m-%d %H:%M}"
