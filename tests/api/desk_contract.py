"""What every desk must do, whatever it keeps its episodes in.

Subclass `DeskContract` in a test file and give it a fixture `desk` (with `HOME` as its registry) and one
`decide`: a coroutine function which hands the desk one decision at a time (ms) and returns once that shows.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from alerts.acts import Maintenance, Refusal, Refused, Shelving
from alerts.book import STALE_MS
from alerts.episode import Episode
from alerts.event import Event, State, SuspensionBegun
from ingest.api import Desk
from ingest.quiet_api import QuietDesk
from rules.decision import Severity
from tests.alerts.decisions import HOME, decision

Decide = Callable[..., Awaitable[None]]

BATH = Shelving(rule="bed_exit", subject="wang", for_ms=3_600_000, by="Chen", reason="bath")
SERVICE = Maintenance(site="s1", device="button-1", for_ms=3_600_000, by="Chen", reason="battery")
OUT_OF_BED = decision("out", rule="bed_exit", severity=Severity.MEDIUM, at=2_000)


class WholeDesk(Desk, QuietDesk, Protocol):
    """All that a desk does."""


async def take(events: AsyncGenerator[tuple[int, Event], None], count: int) -> list[tuple[int, Event]]:
    """The next events of a subscription, or fewer if it ends."""
    async with asyncio.timeout(10):
        taken = []
        while len(taken) < count and (item := await anext(events, None)) is not None:
            taken.append(item)
        return taken


def refused_as(result: Episode | Refused) -> Refusal | None:
    return result.why if isinstance(result, Refused) else None


class DeskContract:
    """The contract suite."""

    async def test_it_shows_the_registry_that_holds(self, desk: Desk) -> None:
        assert desk.registry == HOME

    async def test_what_is_unknown_is_absent(self, desk: Desk) -> None:
        assert desk.episodes(None, 10) == []
        assert desk.get("none") is None
        assert desk.history("none") == []
        assert refused_as(await desk.acknowledge("none", "Chen")) is Refusal.UNKNOWN
        assert refused_as(await desk.resolve("none", "Chen", "real")) is Refusal.UNKNOWN

    async def test_an_alert_is_taken_charge_of_and_resolved_and_all_of_it_remembered(
        self, desk: Desk, decide: Decide
    ) -> None:
        await decide(decision(), 1_000)
        (episode,) = desk.episodes(State.OPEN, 10)
        taken = await desk.acknowledge(episode.id, "Chen", "on my way", "button")
        assert isinstance(taken, Episode)
        assert (taken.state, taken.acknowledged_by) == (State.ACKNOWLEDGED, "Chen")
        assert desk.get(episode.id) == taken
        closed = await desk.resolve(episode.id, "Zhou", "false", "leaned on it", "api")
        assert isinstance(closed, Episode)
        assert (closed.state, closed.resolved_by, closed.note) == (State.RESOLVED, "Zhou", "leaned on it")
        history = desk.history(episode.id)
        assert [(event.name, event.number) for event in history] == [
            ("opened", 1),
            ("acknowledged", 2),
            ("resolved", 3),
        ]

    async def test_acts_are_idempotent_and_refusals_say_why(self, desk: Desk, decide: Decide) -> None:
        await decide(decision(), 1_000)
        (episode,) = desk.episodes(None, 10)
        first = await desk.acknowledge(episode.id, "Chen")
        assert await desk.acknowledge(episode.id, "Chen") == first
        assert refused_as(await desk.acknowledge(episode.id, " ")) is Refusal.MISSING_NAME
        assert refused_as(await desk.resolve(episode.id, "Chen", "fine")) is Refusal.BAD_OUTCOME
        closed = await desk.resolve(episode.id, "Chen", "real")
        assert await desk.resolve(episode.id, "Chen", "real") == closed
        assert refused_as(await desk.resolve(episode.id, "Zhou", "real")) is Refusal.ALREADY_RESOLVED
        assert len(desk.history(episode.id)) == 3

    async def test_an_act_on_what_was_not_seen_is_refused(self, desk: Desk, decide: Decide) -> None:
        await decide(decision(rule="fall"), 1_000)
        (episode,) = desk.episodes(None, 10)
        await decide(decision("k2", rule="fall", at=2_000), 2_000)
        stale = await desk.acknowledge(episode.id, "Chen", seen=episode.number)
        assert refused_as(stale) is Refusal.FRESH_EVIDENCE
        stale = await desk.resolve(episode.id, "Chen", "real", seen=episode.number)
        assert refused_as(stale) is Refusal.FRESH_EVIDENCE
        assert refused_as(await desk.acknowledge(episode.id, "Chen", seen=2)) is None

    async def test_the_same_evidence_decided_again_changes_nothing(self, desk: Desk, decide: Decide) -> None:
        await decide(decision(), 1_000)
        before = desk.episodes(None, 10)
        await decide(decision(), 2_000)
        assert desk.episodes(None, 10) == before
        assert len(desk.history(before[0].id)) == 1

    async def test_episodes_come_by_state_newest_first(self, desk: Desk, decide: Decide) -> None:
        for number in range(4):
            await decide(decision(f"k{number}", subject=f"p{number}"), 1_000 + number)
        by_person = {episode.cause: episode.id for episode in desk.episodes(None, 10)}
        assert list(by_person) == ["p3", "p2", "p1", "p0"]
        await desk.acknowledge(by_person["p1"], "Chen")
        await desk.resolve(by_person["p2"], "Chen", "test")
        assert [episode.cause for episode in desk.episodes(State.OPEN, 10)] == ["p3", "p0"]
        assert [episode.cause for episode in desk.episodes(State.ACKNOWLEDGED, 10)] == ["p1"]
        assert [episode.cause for episode in desk.episodes(State.RESOLVED, 10)] == ["p2"]

    async def test_no_page_loses_an_episode_even_of_the_same_instant(
        self, desk: Desk, decide: Decide
    ) -> None:
        for number in range(7):
            await decide(decision(f"k{number}", subject=f"p{number}"), 1_000 + number // 5)
        whole = desk.episodes(None, 100)
        assert [(one.raised_at, one.id) for one in whole] == sorted(
            ((one.raised_at, one.id) for one in whole), reverse=True
        )
        paged: list[Episode] = []
        while page := desk.episodes(None, 2, (paged[-1].raised_at, paged[-1].id) if paged else None):
            paged += page
        assert paged == whole
        assert len(paged) == 7

    async def test_a_subscriber_hears_everything_from_now_on_in_order(
        self, desk: Desk, decide: Decide
    ) -> None:
        await decide(decision("before", subject="li"), 1_000)
        async with aclosing(desk.subscribe()) as events:
            listening = asyncio.create_task(take(events, 3), name="subscriber")
            await asyncio.sleep(0)  # a generator subscribes when it is first asked
            await decide(decision(), 2_000)
            episode = desk.episodes(State.OPEN, 1)[0]
            await desk.acknowledge(episode.id, "Chen")
            await desk.resolve(episode.id, "Chen", "real")
            heard = await listening
        assert [event for _, event in heard] == desk.history(episode.id)
        numbers = [number for number, _ in heard]
        assert numbers == sorted(set(numbers))

    async def test_what_is_most_urgent_comes_first(self, desk: Desk, decide: Decide) -> None:
        medium = {"rule": "bed_exit", "severity": Severity.MEDIUM}
        await decide(decision("k1", rule="vitals", subject="p1"), 1_000)
        await decide(decision("k2", subject="p2"), 1_001)
        await decide(decision("k3", subject="p3", **medium), 1_002)
        await decide(decision("k4", rule="fall", subject="p4"), 1_003)
        taken = next(one for one in desk.episodes(None, 10) if one.cause == "p4")
        await desk.acknowledge(taken.id, "Chen")
        assert [one.cause for one in desk.urgent(10)] == ["p2", "p4", "p1", "p3"]
        assert [one.cause for one in desk.urgent(1)] == ["p2"]
        await desk.resolve(taken.id, "Chen", "real")
        assert [one.cause for one in desk.urgent(10)] == ["p2", "p1", "p3"]

    async def test_what_holds_for_a_day_is_stale(self, desk: Desk, decide: Decide) -> None:
        await decide(decision("k1"), 1_000)
        assert desk.stale() == []
        await decide(decision("k2", subject="li"), 1_001 + STALE_MS)
        assert [one.cause for one in desk.stale()] == ["wang"]

    async def test_a_shelf_keeps_alerts_quiet_until_it_ends(self, desk: WholeDesk, decide: Decide) -> None:
        await decide(decision("other"), 1_000)
        begun = await desk.shelve(BATH)
        assert isinstance(begun, SuspensionBegun)
        await decide(OUT_OF_BED, 2_000)
        (episode,) = desk.episodes(State.SHELVED, 10)
        assert episode.held == begun.suspension
        assert await desk.end_suspension(begun.suspension, "Zhou") is None
        assert [one.cause for one in desk.episodes(State.OPEN, 10)] == ["wang", "wang"]
        assert [event.name for event in desk.history(episode.id)] == ["opened", "released"]
        assert await desk.end_suspension(begun.suspension, "Zhou") is None
        unknown = await desk.end_suspension("none", "Zhou")
        assert isinstance(unknown, Refused)
        assert unknown.why is Refusal.UNKNOWN_SUSPENSION

    async def test_a_shelf_ends_by_itself(self, desk: WholeDesk, decide: Decide) -> None:
        await decide(decision("other"), 1_000)
        await desk.shelve(BATH)
        await decide(OUT_OF_BED, 2_000)
        await decide(decision("later"), 1_000 + BATH.for_ms)
        assert desk.episodes(State.SHELVED, 10) == []
        assert desk.book.suspensions.holding() == []

    async def test_what_cannot_be_suspended_is_refused(self, desk: WholeDesk) -> None:
        for asked, why in (
            (replace(BATH, rule="sos"), Refusal.LIFE_SAFETY),
            (replace(BATH, rule="nothing"), Refusal.UNKNOWN_RULE),
            (replace(BATH, subject="nobody"), Refusal.UNKNOWN_SUBJECT),
            (replace(BATH, for_ms=9 * 3_600_000), Refusal.TOO_LONG),
        ):
            result = await desk.shelve(asked)
            assert isinstance(result, Refused)
            assert result.why is why
        result = await desk.take_out_of_service(replace(SERVICE, device="unknown"))
        assert isinstance(result, Refused)
        assert result.why is Refusal.UNKNOWN_DEVICE

    async def test_a_device_out_of_service_calls_nobody_but_for_help(
        self, desk: WholeDesk, decide: Decide
    ) -> None:
        await decide(decision("other", subject="li"), 1_000)
        begun = await desk.take_out_of_service(SERVICE)
        assert isinstance(begun, SuspensionBegun)
        assert begun.site == "s1"
        await decide(OUT_OF_BED, 2_000)
        await decide(decision("help"), 3_000)
        assert [one.rule for one in desk.episodes(State.OUT_OF_SERVICE, 10)] == ["bed_exit"]
        assert [one.rule for one in desk.episodes(State.OPEN, 10)] == ["sos", "sos"]

    async def test_a_subscriber_hears_of_suspensions_too(self, desk: WholeDesk, decide: Decide) -> None:
        await decide(decision("other"), 1_000)
        await desk.shelve(BATH)
        async with aclosing(desk.subscribe(0)) as events:
            heard = await take(events, 2)
        assert [event.name for _, event in heard] == ["opened", "suspension_begun"]

    async def test_a_subscriber_resumes_after_the_last_it_saw(self, desk: Desk, decide: Decide) -> None:
        for number in range(3):
            await decide(decision(f"k{number}", subject=f"p{number}"), 1_000)
        async with aclosing(desk.subscribe(0)) as events:
            everything = await take(events, 3)
        assert len(everything) == 3
        async with aclosing(desk.subscribe(everything[0][0])) as events:
            resumed = asyncio.create_task(take(events, 3), name="subscriber")
            await asyncio.sleep(0)
            await decide(decision("k3", subject="p3"), 2_000)
            assert (await resumed)[:2] == everything[1:]
            assert (await resumed)[2][1].number == 1
