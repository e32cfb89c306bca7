"""Whatever ways an act comes by, in any order, at once and again: it is one; who, when and whence is kept."""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.event import Acknowledged, Arrived, Event, QuietEvent, State
from alerts.links import Link, token
from alerts.people import Person
from alerts.replies import code
from devices.observation import Observation
from devices.registry import Device, Registry
from ingest import alert_log, channels_api, links_api, outbox, outcomes, replies_api, reply_records
from ingest.api import create_app
from ingest.channels.made import Channels, Replying
from ingest.channels.webhook import sign
from ingest.desk import Desk
from ingest.journal import SqliteJournal
from ingest.metrics import Metrics
from ingest.outbox import Outbox
from ingest.reply_records import ReplyRecords
from tests.alerts.decisions import HOME, decision
from tests.ingest.works import T0, TestClock

KEY, SECRET = bytes(32), b"a secret of the tests"
STAFF = {f"s-{n}": Person(f"s-{n}", addresses={"phone": f"1380000000{n}"}) for n in range(3)}
HOUSE = Registry.of(
    HOME.places.values(),
    HOME.residents.values(),
    [*HOME.devices.values(), Device("pager", site="s1"), Device("reader", place="b1", site="s1")],
)
SCHEMA = "".join(one.SCHEMA for one in (alert_log, outbox, outcomes, reply_records))
SOURCES = {
    "api": "api",
    "cli": "cli",
    "link": "link:sms",
    "voice": "voice:phone",
    "reply": "reply:sms",
    "mqtt": "mqtt:pager",
    "reader": "mqtt:reader",
}


def signed(said: dict[str, object]) -> dict[str, object]:
    content, stamp = orjson.dumps(said), str(int(time.time()))
    headers = {"X-Shouwang-Timestamp": stamp, "X-Shouwang-Signature": sign(SECRET, stamp, content)}
    return {"content": content, "headers": headers}


class House:
    """A desk with one alert, and all the ways in which people act on it."""

    def __init__(self, journal: SqliteJournal) -> None:
        self.clock, metrics = TestClock(T0), Metrics()
        box = Outbox(journal, [], HOUSE, self.clock, metrics)
        self.desk = Desk(journal, box, HOUSE, "s1", self.clock, metrics)
        replying = {"sms": Replying(SECRET, ["phone"])}
        now: Callable[[], int] = self.clock.now
        app = create_app(
            self.desk,
            dict,
            metrics.registry,
            None,
            more=[
                links_api.routes(self.desk, KEY, now),
                channels_api.routes(Channels([], []), self.desk, STAFF.get, {"phone": SECRET}),
                replies_api.routes(
                    self.desk, ReplyRecords(journal), replying, STAFF.values, box.sent, now, time.time
                ),
            ],
        )
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://house")
        self.presses = 0
        self.press()
        (self.alert,) = (one.id for one in self.desk.book.unresolved())

    @property
    def called(self) -> int:
        episode = self.desk.get(self.alert)
        assert episode is not None
        return episode.called

    def press(self) -> None:
        """She presses (again)."""
        self.presses += 1
        self.clock.time += 1
        pressed = decision(f"k{self.presses}", at=self.clock.time)
        self.desk.decide([pressed], self.clock.time)

    async def act(self, way: str, verb: str, by: str, called: int) -> None:
        """One person's act, by one way, on the call of this number."""
        self.clock.time += 1
        path = f"/api/v1/alerts/{self.alert}/{verb}"
        match way:
            case "api" | "cli":
                await self.http.post(path, json={"by": by, "seen": called, "via": way})
            case "link":
                link = links_api.PREFIX + token(KEY, Link(self.alert, called, by, "sms", T0 + 10**9))
                for _ in STAFF:  # who hears that somebody else was first presses again
                    episode = self.desk.get(self.alert)
                    fields = {"holder": episode.acknowledged_by if episode else "", "seen": str(called)}
                    page = await self.http.post(link, data=fields | {"act": verb})
                    if "meanwhile" not in page.text:
                        break
            case "voice":
                said = {"channel": "phone", "notification": f"{self.alert}-{called}", "to": by}
                await self.http.post(
                    "/api/v1/receipts",
                    **signed(said | {"status": "answered", "key": "1"}),  # type: ignore[arg-type]
                )
            case "reply":
                word = "2" if verb == "arrive" else "9"
                said = {"from": STAFF[by].addresses["phone"], "text": f"{word} {code(self.alert, called)}"}
                await self.http.post("/api/v1/replies/sms", **signed(said))  # type: ignore[arg-type]
            case _:
                device, metric = ("pager", verb) if way == "mqtt" else ("reader", "staff_present")
                at = self.clock.time
                place, about = ("", self.alert) if way == "mqtt" else ("b1", "")
                self.desk.signalled(
                    Observation(device, metric, True, at, at, site="s1", place=place, detail=about, by=by)
                )


PEOPLE = st.sampled_from(sorted(STAFF))
ACTS = st.one_of(
    st.tuples(
        st.sampled_from(("api", "cli", "link", "reply", "mqtt")),
        st.sampled_from(("acknowledge", "arrive")),
        PEOPLE,
    ),
    st.tuples(st.just("voice"), st.just("acknowledge"), PEOPLE),
    st.tuples(st.just("reader"), st.just("arrive"), PEOPLE),
)
ROUNDS = st.lists(st.tuples(st.lists(ACTS, min_size=1, max_size=6), st.booleans()), min_size=1, max_size=4)


async def lived(rounds: list[tuple[list[tuple[str, str, str]], bool]], folder: Path) -> list[Event]:
    """What is on record after these acts: those of a round at once, each of them twice; perhaps a press."""
    journal = SqliteJournal(folder / "journal.db", lambda _: None, SCHEMA)
    house = House(journal)
    running = asyncio.create_task(house.desk.run(), name="desk")
    try:
        for acts, pressed_again in rounds:
            called = house.called
            await asyncio.gather(*(house.act(*one, called) for one in [*acts, *reversed(acts)]))
            if pressed_again:
                house.press()
                for one in acts:  # what was meant for the call before
                    if one[0] not in {"mqtt", "reader"}:
                        await house.act(*one, called)
        await house.desk.settled()
        return house.desk.history(house.alert)
    finally:
        running.cancel()
        await asyncio.wait([running])
        await house.http.aclose()
        journal.close()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(ROUNDS)
def test_each_person_takes_charge_and_arrives_once_of_each_call(
    rounds: list[tuple[list[tuple[str, str, str]], bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history = asyncio.run(lived(rounds, Path(folder)))
    call, found, last = 0, Counter[tuple[str, str, int]](), T0
    asked = [{(verb, by): set[str]() for _, verb, by in acts} for acts, _ in rounds]
    for acts, ways in zip((acts for acts, _ in rounds), asked, strict=True):
        for way, verb, by in acts:
            ways[verb, by].add(SOURCES[way])
    for event in history:
        assert not isinstance(event, QuietEvent)
        assert event.at >= last
        last = event.at
        if getattr(event, "calls", False):
            call = event.number
        elif isinstance(event, (Acknowledged, Arrived)):
            verb = "acknowledge" if isinstance(event, Acknowledged) else "arrive"
            found[verb, event.by, call] += 1
            assert any(event.source in ways.get((verb, event.by), ()) for ways in asked)
    assert set(found.values()) <= {1}
    wanted = {(verb, by) for ways in asked for verb, by in ways if verb == "acknowledge"}
    assert {(verb, by) for verb, by, _ in found if verb == "acknowledge"} == wanted


@pytest.mark.parametrize(
    ("to", "number", "status"),
    [("somebody", "1", 404), ("s-0", "", 409), ("s-0", "x", 409), ("s-0", "²", 409), ("s-0", "1", 200)],
)
async def test_a_key_on_the_telephone_is_a_known_person_s_and_about_a_call(
    to: str, number: str, status: int, tmp_path: Path
) -> None:
    """A gateway that mixes things up silences nobody's call."""
    journal = SqliteJournal(tmp_path / "journal.db", lambda _: None, SCHEMA)
    house = House(journal)
    running = asyncio.create_task(house.desk.run(), name="desk")
    try:
        said = {"channel": "phone", "notification": f"{house.alert}-{number}", "to": to}
        pressed = said | {"status": "answered", "key": "1"}
        answer = await house.http.post("/api/v1/receipts", **signed(pressed))  # type: ignore[arg-type]
        assert answer.status_code == status, answer.text
        episode = house.desk.get(house.alert)
        assert episode is not None
        assert (episode.state is State.OPEN) == (status != 200)
    finally:
        running.cancel()
        await asyncio.wait([running])
        await house.http.aclose()
        journal.close()
