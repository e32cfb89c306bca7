"""How much is asked of people: alerts per carer and hour, floods, chatter, stale ones, the mix of priorities.

Rule: what counts is when people were called or told; an hour and a ten-minute period without any counts too.

- Per carer and clock hour: alerts that somebody was told of in that hour, each once, by the first message
  since people were called; that nobody answers and it is said again is no load of its own. Where a round told
  nobody by name (displays), those on duty at its place were told. The hours of a carer are those in which
  they were on duty for any part, or told. R-46: at most 6 in an hour, 3 at night.
- A flood is a period of ten minutes, counted from the beginning of the report, in which people were called
  for more than ten alerts at one site (R-47).
- Chattering: alerts of which one alarm was activated three times within a minute (R-48).
- Stale on a day: alerts whose condition held for more than 24 h on it, not resolved (R-50).
- Alerts count for the period in which people were first called for them. A *source* is a rule about a subject
  (R-52); the priority is the highest that the alert came to, and `info` is with `low` (R-51).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from alerts.flood import BEGINS_ABOVE, WINDOW_MS
from alerts.reports.case import Case
from alerts.reports.counting import By, count, ratio
from alerts.reports.figure import Figure, Group, Unit
from alerts.reports.frame import Frame
from alerts.reports.response import Call
from devices.registry import PlaceKind
from rules.decision import Severity

_STALE_MS = 24 * 3_600_000
_STALE_BELOW = 5
_BY_DAY, _BY_NIGHT = 6, 3
_TOP, _TOP_SHARE, _RESIDENT_SHARE = 10, 0.05, 0.05
_MIX: Mapping[str, tuple[frozenset[Severity], float | None, float | None]] = {
    "high": (frozenset((Severity.HIGH,)), None, 0.05),
    "medium": (frozenset((Severity.MEDIUM,)), None, 0.15),
    "low": (frozenset((Severity.LOW, Severity.INFO)), 0.80, None),
}


def load(cases: Sequence[Case], calls: Sequence[Call], frame: Frame) -> list[Figure]:
    """The figures of the load. `cases` are all that were not resolved before the period."""
    mine = [case for case in cases if frame.holds(case.called_at)]
    return [
        *_per_carer(cases, calls, frame),
        *_by_hour(calls, frame),
        *_floods(calls, frame),
        *_chatter(mine),
        *_stale(cases, frame),
        *_mix(mine),
        *_sources(mine, frame),
    ]


def _per_carer(cases: Iterable[Case], calls: Iterable[Call], frame: Frame) -> Iterator[Figure]:
    told = _told(cases, calls, frame)
    hours: dict[str, set[int]] = {who: set(on_duty) for who, on_duty in frame.hours_on_duty.items()}
    for who, at in told:
        hours.setdefault(who, set()).add(at)
    nights = {at: frame.is_night(at) for mine in hours.values() for at in mine}
    everyone = sorted(hours)
    yield from _loads((), everyone, hours, told, nights)
    for who in everyone:
        yield from _loads((("carer", who),), [who], hours, told, nights)


def _loads(
    by: By,
    people: Sequence[str],
    hours: Mapping[str, set[int]],
    told: Mapping[tuple[str, int], set[str]],
    nights: Mapping[int, bool],
) -> Iterator[Figure]:
    """The mean and the busiest hour of these people, by day and by night."""
    for suffix, at_night, limit in (("", False, _BY_DAY), ("_night", True, _BY_NIGHT)):
        mine = [(who, at) for who in people for at in hours[who] if nights[at] is at_night]
        if not mine:
            continue
        counts = [len(told.get(each, ())) for each in mine]
        heard = {episode for each in mine for episode in told.get(each, ())}
        busiest = max(counts)
        busy = {
            episode for each in mine if len(told.get(each, ())) == busiest for episode in told.get(each, ())
        }
        yield count(
            Group.LOAD,
            f"alerts_per_hour{suffix}",
            sum(counts) / len(mine),
            by,
            of=len(mine),
            unit=Unit.PER_HOUR,
            at_most=limit,
            requirement="R-46",
            episodes=heard,
        )
        yield count(
            Group.LOAD,
            f"busiest_hour{suffix}",
            busiest,
            by,
            of=len(mine),
            unit=Unit.PER_HOUR,
            at_most=limit,
            requirement="R-46",
            episodes=busy,
        )


def _told(cases: Iterable[Case], calls: Iterable[Call], frame: Frame) -> dict[tuple[str, int], set[str]]:
    """The alerts that each person was told of in each hour."""
    told: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for case in cases:
        for who, at in _first_told(case):
            if frame.holds(at):
                told[who, frame.hour(at)].add(case.id)
    for call in calls:
        steps = call.round.steps
        if not call.round.unstaffed and not any(number for _, number in steps):
            at = call.round.called_at
            for who in frame.on_duty(call.case, at):
                told[who, frame.hour(at)].add(call.case.id)
    return told


def _first_told(case: Case) -> Iterator[tuple[str, int]]:
    """Who was told when, for the first time since people were called."""
    known: set[tuple[str, int]] = set()
    for who, at in case.told:
        call = max((one.called_at for one in case.rounds if one.called_at <= at), default=at)
        if (who, call) not in known:
            known.add((who, call))
            yield who, at


def _by_hour(calls: Iterable[Call], frame: Frame) -> Iterator[Figure]:
    """How many calls there were in each hour of the day."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for call in calls:
        found[f"{frame.local(call.round.called_at).hour:02}"].append(call.case.id)
    for hour in sorted(found):
        yield count(Group.LOAD, "calls", len(found[hour]), (("hour", hour),), episodes=found[hour])


def _floods(calls: Iterable[Call], frame: Frame) -> Iterator[Figure]:
    periods = -(-(frame.until - frame.since) // WINDOW_MS)
    found: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    sites = {at.id for at in frame.registry.places.values() if at.kind is PlaceKind.SITE}
    for call in calls:
        sites.add(call.case.site)
        found[call.case.site, (call.round.called_at - frame.since) // WINDOW_MS].add(call.case.id)
    floods = {key: alerts for key, alerts in found.items() if len(alerts) > BEGINS_ABOVE}
    yield _flooded((), list(floods.values()), periods * len(sites))
    for site in sorted(sites):
        flooded = [alerts for (where, _), alerts in floods.items() if where == site]
        yield _flooded((("place", site),), flooded, periods)


def _flooded(by: By, floods: Sequence[set[str]], periods: int) -> Figure:
    return ratio(
        Group.LOAD,
        "flood",
        len(floods),
        periods,
        by,
        below=0.01,
        requirement="R-47",
        episodes=set().union(*floods),
    )


def _chatter(mine: Sequence[Case]) -> Iterator[Figure]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for case in mine:
        if case.chattered:
            found[case.rule].append(case.id)
    every = [episode for episodes in found.values() for episode in episodes]
    yield _chattering((), every, len(mine))
    for rule in sorted(found):
        yield _chattering((("rule", rule),), found[rule], sum(case.rule == rule for case in mine))


def _chattering(by: By, episodes: Sequence[str], of: int) -> Figure:
    return count(
        Group.LOAD,
        "chattering",
        len(episodes),
        by,
        of=of,
        at_most=0,
        requirement="R-48",
        episodes=episodes,
    )


def _stale(cases: Iterable[Case], frame: Frame) -> Iterator[Figure]:
    """By day, and the worst of them."""
    stale = [
        (began + _STALE_MS, frame.known_at if ended is None else ended, case)
        for case in cases
        for began, ended in case.active
        if case.called_at is not None and case.called_at < frame.until
    ]
    days = {
        day: {case.id for since, until, case in stale if max(since, begin) < min(until, end)}
        for day, begin, end in frame.days()
    }
    yield _stale_on(
        (), max(days.values(), key=len, default=set()), {one for on in days.values() for one in on}
    )
    for day, episodes in days.items():
        yield _stale_on((("day", day),), episodes, episodes)


def _stale_on(by: By, worst: set[str], episodes: set[str]) -> Figure:
    return count(
        Group.LOAD,
        "stale",
        len(worst),
        by,
        of=len(episodes),
        below=_STALE_BELOW,
        requirement="R-50",
        episodes=episodes,
    )


def _mix(mine: Sequence[Case]) -> Iterator[Figure]:
    for name, (severities, at_least, at_most) in _MIX.items():
        episodes = [case.id for case in mine if case.severity in severities]
        yield ratio(
            Group.LOAD,
            "priority",
            len(episodes),
            len(mine),
            (("severity", name),),
            at_least=at_least,
            at_most=at_most,
            requirement="R-51",
            episodes=episodes,
        )


def _sources(mine: Sequence[Case], frame: Frame) -> Iterator[Figure]:
    """The share of the ten loudest sources together, and every resident with more than a twentieth of all."""
    counts = Counter((case.rule, case.subject) for case in mine)
    top = {source for source, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:_TOP]}
    episodes = [case.id for case in mine if (case.rule, case.subject) in top]
    yield ratio(
        Group.LOAD,
        "top_ten_sources",
        len(episodes),
        len(mine),
        at_most=_TOP_SHARE,
        requirement="R-52",
        episodes=episodes,
    )
    residents: defaultdict[str, list[str]] = defaultdict(list)
    for case in mine:
        if case.subject in frame.registry.residents:
            residents[case.subject].append(case.id)
    for resident, theirs in sorted(residents.items()):
        if len(theirs) > _RESIDENT_SHARE * len(mine):
            yield ratio(
                Group.LOAD,
                "share",
                len(theirs),
                len(mine),
                (("resident", resident),),
                at_most=_RESIDENT_SHARE,
                requirement="R-52",
                episodes=theirs,
            )
