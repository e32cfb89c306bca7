"""A month of a home and a street: their devices, the default rules, a rota, ladders, channels and carers.

Rule: everything is drawn from the seed. Alerts come about, call and end by the same code as in the service;
only people and channels are made up: they are slow, forget, are out of reach, and now and then nobody is
there.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from itertools import count

from alerts.acts import Refused, Shelving, acknowledge, arrive, resolve, shelve
from alerts.duty import LEAD, MANAGER, PRIMARY, SECOND, Duty
from alerts.episode import Episode
from alerts.escalate import Policy, _due, _ladder, advance
from alerts.event import (
    Address,
    EpisodeEvent,
    Event,
    MessageDelivered,
    MessageFailed,
    Notified,
    Outcome,
    State,
    Told,
)
from alerts.ladder import Ladder, Step
from alerts.rota import Rotation, Shift
from devices import registry_files
from devices.message import Message
from devices.registry import Registry
from ingest.replay import Deaf, Moment, Recording, Trial
from rules import configuration
from rules.decision import DRILL, Change, Decision, Evidence, Severity
from simulators.home import TIMEZONE
from simulators.life import DAY_MS, MINUTE_MS
from simulators.village import registry as village_registry
from simulators.village.people import CARE, STREET
from simulators.village.village import Setting, Site, sites

SECOND_MS = 1000
HOUR_MS = 3_600_000
FAILS = 0.04
"""The part of messages that are refused."""

LADDERS = (
    Ladder(
        "emergency",
        (
            Step(0, (PRIMARY,), ("wecom",)),
            Step(30_000, (PRIMARY,), ("sms",)),
            Step(60_000, (SECOND,), ("wecom", "sms")),
            Step(120_000, (LEAD, "all"), ("wecom",)),
            Step(180_000, (MANAGER,), ("voice",)),
        ),
        60_000,
        frozenset({Severity.HIGH}),
    ),
    Ladder(
        "care",
        (Step(0, (PRIMARY,), ("wecom",)), Step(300_000, (SECOND,), ("wecom",))),
        600_000,
        frozenset({Severity.MEDIUM, Severity.LOW}),
        frozenset({CARE}),
    ),
)
"""In the street what is not urgent goes to the displays, as without ladders."""


def rota(first: date) -> Duty:
    """Days and nights of the home; on every seventh night nobody is there. In the street only days."""

    def shift(name: str, role: str, place: str, hours: tuple[int, int], *crews: tuple[str, ...]) -> Shift:
        begins, ends = (time(hour) for hour in hours)
        return Shift(name, role, (place,), TIMEZONE, begins, ends, first, turns=crews)

    nights = {first + timedelta(days=n): ("night-1",) for n in range(-2, 40) if n % 7 != 4}
    return Duty(
        shifts=(
            shift("day", PRIMARY, CARE, (7, 19), ("day-1", "day-2"), ("day-3",)),
            Shift(
                "night", PRIMARY, (CARE,), TIMEZONE, time(19), time(7), first - timedelta(days=2),
                rotation=Rotation.LIST, listed=nights,
            ),
            shift("day-second", SECOND, CARE, (7, 19), ("day-4",)),
            shift("lead", LEAD, CARE, (8, 17), ("lead-1",)),
            shift("street-day", PRIMARY, STREET, (7, 22), ("street-1",), ("street-2",)),
        )
    )  # fmt: skip


@dataclass(order=True, slots=True)
class _Task:
    at: int
    number: int
    run: Callable[[int], None] = field(compare=False)


class _Keeping(Trial):
    """A trial that also keeps what rules record of checks."""

    records: list[Decision]

    def _followed(self, decisions: list[Decision], now: int) -> list[tuple[EpisodeEvent, Episode]]:
        self.records += [one for one in decisions if one.change is Change.RECORD]
        return super()._followed(decisions, now)


class Living:
    """One site of the month. `told` is what happened in order, with each alert as it was after it."""

    def __init__(self, site: Site, people: Registry, duty: Duty, seed: int) -> None:
        self.site, self.people = site, people
        self.rng = random.Random(f"{seed}/{site.id}")  # noqa: S311  a play, no secret
        self.rules = configuration.default()
        self.policy = Policy(people, LADDERS, duty)
        self.trial = _Keeping(self.rules, people, site.id, site.start_ms)
        self.trial.records = []
        self.book = self.trial.book
        self.told: list[tuple[EpisodeEvent, Episode]] = []
        self.tasks: list[_Task] = []
        self.number = count()
        self.minds: dict[str, str] = {}  # what carers will do about an alert
        self.going: set[tuple[str, int, str]] = set()
        self.waking: dict[str, int] = {}  # when something falls due for an alert by itself
        self.outages = self._outages()

    def _outages(self) -> list[tuple[int, int, bool]]:
        """When messages come late, or half of them not at all; or none of them."""
        span = range(self.site.start_ms, self.site.end_ms)
        begins = [self.rng.choice(span) for _ in range(2 * self.site.setting.days)]
        return [(at, at + self.rng.randrange(5, 90) * MINUTE_MS, self.rng.random() < 0.4) for at in begins]

    def live(self) -> None:
        """The whole month."""
        trial, site = self.trial, self.site
        engine = trial._engine
        assert engine is not None
        recording = Recording(self.people, site.id)
        deaf = [(outage.start, outage.end) for outage in site.faults.broker]
        self._storms()
        for said in site:
            now = said.at_ms
            while deaf and deaf[0][1] <= now:
                self._drain(deaf[0][1])
                self._took(trial.take(Deaf(*deaf.pop(0))))
            self._drain(now)
            for happening in recording.happenings(Message(said.topic, said.payload, now, qos=said.qos)):
                self._took(trial.take(happening))
        self._drain(site.end_ms)

    def _drain(self, now: int) -> None:
        """What is due before `now`: people, messages and ladders at their times, and the rules' deadlines."""
        engine = self.trial._engine
        assert engine is not None
        while True:
            wakes = engine.next_wake()
            acts = self.tasks[0].at if self.tasks else now
            if acts < now and (wakes is None or acts <= wakes):
                task = heapq.heappop(self.tasks)
                self.trial._now = max(self.trial._now, task.at)
                self._took(self.trial._followed([], task.at))
                task.run(task.at)
            elif wakes is not None and wakes < now:
                self._took(self.trial.take(Moment(wakes)))
            else:
                return

    def _later(self, at: int, run: Callable[[int], None]) -> None:
        heapq.heappush(self.tasks, _Task(at, next(self.number), run))

    def _took(self, events: list[tuple[EpisodeEvent, Episode]]) -> None:
        """What follows from what happened: steps of ladders at once, and what people make of it."""
        self.told += events
        for event, episode in events:
            if getattr(event, "calls", False):
                self._noticed(event.at, episode)
            self._advance(event.at, episode.id)

    def _taken(self, events: list[Event] | Refused) -> None:
        if not isinstance(events, Refused):
            self._took(self.trial._taken(events))

    def _advance(self, now: int, alert: str) -> None:
        while (episode := self.book.get(alert)) and (event := advance(episode, self.policy, now)):
            (told,) = self.trial._taken([event])
            self.told.append(told)
            if isinstance(event, Notified):
                self._sent(event, told[1])
            elif getattr(event, "calls", False):
                self._noticed(now, told[1])
        at = self._wakes(episode, now) if episode else None
        if at is not None and self.waking.get(alert) != (at := max(at, now + 1)):
            self.waking[alert] = at
            self._later(at, lambda at: self._wake(at, alert))

    def _wake(self, at: int, alert: str) -> None:
        if self.waking.get(alert) == at:
            del self.waking[alert]
            self._advance(at, alert)

    def _wakes(self, episode: Episode, now: int) -> int | None:
        """When something falls due for an alert by itself."""
        if episode.state is State.ACKNOWLEDGED:
            return episode.lease_until or None
        if episode.state is State.OPEN and episode.call is not None:
            ladder = _ladder(episode, episode.call, self.policy, now)
            return _due(episode.call, ladder, life=episode.about_life) if ladder else None
        return None

    def _sent(self, event: Notified, episode: Episode) -> None:
        """Messages on their way: to people, or to the display of the corridor."""
        down = [dead for begin, end, dead in self.outages if begin <= event.at < end]
        notification = f"{episode.id}-{event.number}"
        for one in event.to or (() if event.nobody else (Address("", "display"),)):
            delay = round(self.rng.lognormvariate(0.7, 0.8) * SECOND_MS) + 200
            fate = self.rng.random()
            if fate < FAILS or any(down) or (down and fate < 0.5):
                self._later(event.at + delay, lambda at, one=one: self._failed(at, notification, one))
            elif down and fate < 0.8:
                self._later(
                    event.at + self.rng.randrange(60, 600) * SECOND_MS,
                    lambda at, one=one: self._delivered(at, notification, one),
                )
            elif not down:
                self._later(event.at + delay, lambda at, one=one: self._delivered(at, notification, one))

    def _delivered(self, at: int, notification: str, one: Address) -> None:
        """A receipt, taken as the desk takes it; who reads the message may act."""
        found = self.book.get(notification.rpartition("-")[0])
        if found is None:
            return
        if found.call is not None and (one in found.call.waiting or found.told is not Told.DELIVERED):
            self._taken([MessageDelivered(found.id, found.number + 1, at, notification, one.to, one.channel)])
        if one.to:
            self._read(at, found, one.to)

    def _failed(self, at: int, notification: str, one: Address) -> None:
        found = self.book.get(notification.rpartition("-")[0])
        if found is not None and found.call is not None and one in found.call.waiting:
            self._taken(
                [MessageFailed(found.id, found.number + 1, at, notification, one.to, one.channel, "refused")]
            )

    def _noticed(self, at: int, episode: Episode) -> None:
        """People are called. Whoever passes a display sees it sooner or later; some alerts nobody sees."""
        mind = self.minds.setdefault(episode.id, self._mind(episode))
        if mind == "ignored":
            return
        if mind == "shelved":
            self._later(at + self.rng.randrange(5, 90) * SECOND_MS, lambda at: self._shelve(at, episode))
            return
        urgent = episode.severity is Severity.HIGH
        minutes = self.rng.expovariate(1 / 12) + 2 if urgent else self.rng.expovariate(1 / 30) + 5
        self._later(at + round(minutes * MINUTE_MS), lambda at: self._read(at, episode, "passer-by"))

    def _mind(self, episode: Episode) -> str:
        drawn = self.rng.random()
        if drawn < 0.04 and not episode.about_life:
            return "ignored"
        if drawn < 0.1 and not episode.about_life:
            return "shelved"
        return "seen"

    def _shelve(self, at: int, episode: Episode) -> None:
        kind = next((one.kind for one in self.rules if one.id == episode.rule), None)
        asked = Shelving(
            rule=episode.rule,
            subject=episode.subjects[0].subject,
            for_ms=self.rng.randrange(1, 4) * HOUR_MS,
            by="lead-1",
            reason="seen to",
        )
        self.minds[episode.id] = "seen"
        self._taken(shelve(self.book, asked, kind, self.people, at))

    def _read(self, at: int, episode: Episode, who: str) -> None:
        """Somebody knows of the call; each answers a call once, most of them soon."""
        now = self.book.get(episode.id)
        if now is None or now.state is not State.OPEN or (now.id, now.called, who) in self.going:
            return
        if self.minds.get(now.id) == "ignored":
            return
        self.going.add((now.id, now.called, who))
        if self.rng.random() < 0.15 and who != "passer-by":
            return
        after = round((self.rng.lognormvariate(2.6, 0.9) + 2) * SECOND_MS)
        act = self._takes_charge if self.rng.random() < 0.85 else self._is_there
        self._later(at + after, lambda at: act(at, now.id, who))

    def _takes_charge(self, at: int, alert: str, who: str) -> None:
        found = self.book.get(alert)
        if found is None or found.state is not State.OPEN:
            return
        self._taken(acknowledge(self.book, alert, who, at, "api"))
        drawn = self.rng.random()
        if drawn < 0.86:
            after = round(self.rng.lognormvariate(4.4, 0.7) * SECOND_MS)
            self._later(at + after, lambda at: self._is_there(at, alert, who))
        elif drawn < 0.94:
            after = self.rng.randrange(20, 900) * SECOND_MS  # by telephone
            self._later(at + after, lambda at: self._done(at, alert, who))

    def _is_there(self, at: int, alert: str, who: str) -> None:
        found = self.book.get(alert)
        if found is None or found.state is State.RESOLVED:
            return
        self._taken(arrive(self.book, alert, who, at, "api"))
        after = round(self.rng.lognormvariate(5.8, 0.6) * SECOND_MS)
        self._later(at + after, lambda at: self._done(at, alert, who))

    def _done(self, at: int, alert: str, who: str) -> None:
        found = self.book.get(alert)
        if found is None or found.state is State.OPEN:
            return
        weights = (6, 3, 1, 2) if found.about_life else (3, 4, 0.5, 4)
        (outcome,) = self.rng.choices(tuple(Outcome), weights)
        self._taken(resolve(self.book, alert, who, outcome, "", at, "api"))

    def _storms(self) -> None:
        """What a village has too little of: floods, alarms that chatter, presses again and again, drills."""
        rng, site = self.rng, self.site
        residents = [one.id for one in site.people]
        span = range(site.start_ms + HOUR_MS, site.end_ms - 2 * HOUR_MS)
        for n in range(max(1, site.setting.days // 7)):
            at = rng.choice(span)
            for m in range(14):
                self._decides(at + m * 20 * SECOND_MS, "storm", f"{n}-{m}", f"{site.id}-{m}", Severity.MEDIUM)
        for n in range(site.setting.days):
            who, at = rng.choice(residents), rng.choice(span)
            for m in range(rng.randrange(2, 6)):
                self._decides(at + m * 14 * SECOND_MS, "loose-contact", f"{n}-{m}", who, Severity.LOW)
            who, at = rng.choice(residents), rng.choice(span)
            for m in range(rng.randrange(1, 4)):
                self._decides(
                    at + m * rng.randrange(20, 400) * SECOND_MS, "sos", f"{n}-{m}", who, Severity.HIGH
                )
            self._decides(rng.choice(span), "worsens", f"{n}", who, Severity.MEDIUM)
        for begin, _, dead in self.outages:
            if dead:
                self._decides(begin + MINUTE_MS, "sos", f"dead-{begin}", rng.choice(residents), Severity.HIGH)
        for n in range(3):
            self._decides(rng.choice(span), DRILL, f"{n}", rng.choice(residents), Severity.HIGH)
        for n in range(40 * len(residents) * site.setting.days // 420):
            at, who = rng.choice(span), rng.choice(residents)
            self._decides(at, "low-battery", f"{n}", who, Severity.LOW)
            self._decides(at + 90_000, "low-battery", f"{n}-worse", who, rng.choice(tuple(Severity)))

    def _decides(self, at: int, rule: str, key: str, subject: str, severity: Severity) -> None:
        def decided(at: int) -> None:
            evidence = Evidence(f"{rule}|{subject}|{key}", rule, f"{rule}-{subject}", at, at)
            seen = Decision(Change.RAISE, rule, rule, subject, subject, severity, at, evidence)
            self._took(self.trial._followed([seen], at))

        self._later(at, decided)


@dataclass(frozen=True, slots=True)
class Month:
    """All that happened, in order of time, with whom and where; `records` are how checks ended."""

    people: Registry
    duty: Duty
    start: int
    end: int
    told: list[tuple[EpisodeEvent, Episode]]
    records: list[Decision]


def live(setting: Setting, seed: int, start: int, first: date) -> Month:
    """A month of both sites."""
    duty = rota(first)
    lived = [Living(site, _people(site), duty, seed) for site in sites(setting, seed, start)]
    for one in lived:
        one.live()
    told = sorted((one for site in lived for one in site.told), key=lambda one: one[0].at)
    records = sorted((one for site in lived for one in site.trial.records), key=lambda one: one.at)
    people = Registry.of(
        [place for one in lived for place in one.people.places.values()],
        [resident for one in lived for resident in one.people.residents.values()],
        [device for one in lived for device in one.people.devices.values()],
    )
    return Month(people, duty, start, start + setting.days * DAY_MS, told, records)


def _people(site: Site) -> Registry:
    found = registry_files.read([(f"{site.id}.toml", village_registry.of_site(site))])
    assert isinstance(found, Registry), found
    return found
