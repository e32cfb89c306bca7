"""The rules on trial in a simulated site. Rule: the truth is asked when all has been raised, not before.

Messages go through decoding, rules and alerts as `replay` does it. Staff take charge of every alert a minute
after it calls and close it ten minutes after, as people on duty would.
"""

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter

from alerts.comparison import call_of
from alerts.episode import Acknowledged, Outcome, Resolved
from devices import registry_files
from devices.message import Message
from devices.registry import Registry
from ingest.replay import Deaf, Happening, Moment, Recording, Trial
from rules import configuration
from rules.engine import Engine
from rules.ruleset import RuleSet
from simulators.life import HOUR_MS, MINUTE_MS, local
from simulators.truth import Expected
from simulators.village import registry
from simulators.village.truth import expected
from simulators.village.village import Site

ACKNOWLEDGED_AFTER_MS = 1 * MINUTE_MS
RESOLVED_AFTER_MS = 10 * MINUTE_MS
_AROUND_MS = 90 * MINUTE_MS
_TELL_EVERY = 2_000


@dataclass(frozen=True, slots=True)
class Raised:
    """Somebody was called `at` (our clock, ms). `kind` is what it counts as, with the check if it is one."""

    kind: str
    rule: str
    subject: str
    at: int
    facts: str = ""


@dataclass(slots=True)
class Judged:
    """What came of a site's run. `told` says what happened around each miss and each false alert."""

    world: str
    site: str
    resident_weeks: float
    messages: int = 0
    seconds: float = 0.0  # of a processor: what else the machine does is not in it
    found: list[tuple[Expected, Raised]] = field(default_factory=list)
    missed: list[Expected] = field(default_factory=list)
    false: list[Raised] = field(default_factory=list)
    allowed: int = 0
    failures: list[str] = field(default_factory=list)
    told: dict[tuple[str, str, int], str] = field(default_factory=dict)


def try_rules(
    site: Site, progress: Callable[[int], None] = lambda _: None, rules: RuleSet | None = None
) -> Judged:
    """Runs rules (the default ones) over a site. `progress` is told now and then how far it is, ms UTC."""
    text = registry.of_site(site)
    people = registry_files.read([(f"{site.id}.toml", text)])
    assert isinstance(people, Registry), people
    weeks = len(site.people) * site.setting.days / 7
    judged = Judged(site.setting.name, site.id, weeks)
    began = time.process_time()
    raised = list(_raised(site, people, rules or configuration.default(), judged, progress))
    judged.seconds = time.process_time() - began
    judge(expected(site) if site.setting.eventful else (), raised, judged)  # who is well needs nobody
    for each in judged.missed:
        judged.told[each.rule, each.subjects[0], each.at_ms] = _around(site, each.subjects[0], each.at_ms)
    for one in judged.false:
        at = one.at
        judged.told[one.kind, one.subject, at] = _around(site, one.subject, at)
    return judged


def _raised(
    site: Site, people: Registry, rules: RuleSet, judged: Judged, progress: Callable[[int], None]
) -> Iterator[Raised]:
    trial = Trial(rules, people, site.id, site.start_ms)
    engine = trial._engine
    assert engine is not None
    recording = Recording(people, site.id)
    kinds = {one.id: kind_of(one.kind.name, one.fields) for one in rules}
    deaf = [(outage.start, outage.end) for outage in site.faults.broker]
    duty: list[tuple[int, str, bool]] = []
    for said in site:
        now = said.at_ms
        if judged.messages % _TELL_EVERY == 0:
            progress(now)
        judged.messages += 1
        while deaf and deaf[0][1] <= now:
            trial.take(Deaf(*deaf.pop(0)))
        message = Message(said.topic, said.payload, now, qos=said.qos)
        for happening in chain(_until(engine, now, duty), recording.happenings(message)):
            for event, episode in trial.take(happening):
                if called := call_of(event):
                    heapq.heappush(duty, (event.at + ACKNOWLEDGED_AFTER_MS, episode.id, False))
                    heapq.heappush(duty, (event.at + RESOLVED_AFTER_MS, episode.id, True))
                    rule = episode.rule_of(event)
                    kind = kinds.get(rule, rule)
                    facts = " ".join(f"{name}={fact}" for name, fact in getattr(event, "facts", {}).items())
                    yield Raised(kind, rule, called[1], event.at, facts)
    progress(site.end_ms)
    judged.failures = [f"{failed.rule} of {failed.subject}: {failed.error}" for failed in engine.failures()]


def _until(engine: Engine, now: int, duty: list[tuple[int, str, bool]]) -> Iterator[Happening]:
    """What happens by itself before `now`: deadlines pass when they are due, people on duty act."""
    while True:
        wakes = engine.next_wake()
        acts = duty[0][0] if duty else now
        if acts < now and (wakes is None or acts <= wakes):
            at, episode, closes = heapq.heappop(duty)
            yield (
                Resolved(episode, 0, at, "duty", Outcome.REAL)
                if closes
                else Acknowledged(episode, 0, at, "duty")
            )
        elif wakes is not None and wakes < now:
            yield Moment(wakes)
        else:
            return


def kind_of(kind: str, settings: Mapping[str, object]) -> str:
    """What a rule's alerts count as."""
    return f"{kind}/{settings.get('task', settings['check'])}" if "check" in settings else kind


def judge(expectations: Iterable[Expected], raised: Iterable[Raised], judged: Judged) -> None:
    """Which expectations were met, by what; which were not; and what nobody expected.

    An alert meets one expectation that must be met. Another one in its time, or one that may be raised or
    not, is neither found nor false.
    """
    by_subject: dict[tuple[str, str], list[Expected]] = {}
    musts = [each for each in expectations if each.must]
    for each in expectations:
        for subject in each.subjects:
            by_subject.setdefault((each.rule, subject), []).append(each)
    met: set[int] = set()
    for one in sorted(raised, key=attrgetter("at")):
        at = one.at
        fitting = [
            each
            for each in by_subject.get((one.kind, one.subject), ())
            if each.at_ms - each.early_ms <= at <= each.at_ms + each.within_ms
        ]
        first = next((each for each in fitting if each.must and id(each) not in met), None)
        if first is not None:
            met.add(id(first))
            judged.found.append((first, one))
        elif fitting:
            judged.allowed += 1
        else:
            judged.false.append(one)
    judged.missed = [each for each in musts if id(each) not in met]


def _around(site: Site, subject: str, at: int) -> str:
    """Where she was, what was done and what failed around a time."""
    whose = [one for one in site.people if subject in {one.id, one.place, one.room, one.floor}][:1]
    lines = [f"  {subject}, {_clock(at)}"]
    start, end = at - _AROUND_MS, at + _AROUND_MS // 3
    for one in whose:
        fate, staff = site.fates[one.id], site.staff[one.id]
        risks = ", ".join(f"{name} {level}" for name, level in one.risks.items() if level != "low")
        lines.append(f"    care level {one.care_level}, {risks}; away: {fate.away(at)}")
        stays = fate.diary.during(start, end)
        lines.append("    " + "  ".join(f"{_clock(stay.start)[6:]} {stay.where}" for stay in stays))
        deeds = [deed for deed in staff.deeds if at - 5 * HOUR_MS <= deed.at < end]
        lines += (
            ["    " + "  ".join(f"{_clock(d.at)[6:]} {d.what} by {d.by}" for d in deeds)] if deeds else []
        )
        for name, outages in site.faults.by_name.items():
            if one.id in name or name in {one.gateway, "bridge"}:
                lines += [
                    f"    {name} lost {_clock(lost.start)} to {_clock(lost.end)}"
                    for lost in outages
                    if lost.start < end and start < lost.end
                ]
    return "\n".join(lines)


def _clock(at: int) -> str:
    return f"{local(at):%m-%d %H:%M:%S}"
