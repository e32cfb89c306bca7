"""The page behind a message's link: what it shows, what its buttons do, and what looking at it does not."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from html.parser import HTMLParser

import httpx
import pytest

from alerts.event import Acknowledged, Arrived, Event, Resolved, State
from alerts.links import VALID_MS, Link, token
from ingest.links_api import PREFIX, routes
from ingest.pages import GUESSES
from tests.alerts.decisions import decision
from tests.api.conftest import serving
from tests.api.memory_desk import MemoryDesk

KEY = bytes(range(32))
NOW = 1_790_000_000_000


class Form(HTMLParser):
    """What a telephone's browser would send: hidden fields, and the buttons there are."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.acts: list[str] = []
        self.asks_name = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "input" and said.get("type") == "hidden":
            self.fields[said["name"] or ""] = said.get("value") or ""
        elif tag == "button":
            self.acts.append(said["value"] or "")
        elif tag == "input" and said.get("name") == "by":
            self.asks_name = True
        assert tag not in {"script", "img", "link", "iframe"}
        assert not any(name.startswith("on") for name in said)


@dataclass
class House:
    """A desk with one call for help, and somebody without any token."""

    desk: MemoryDesk
    anybody: httpx.AsyncClient
    alert: str

    def link(self, to: str = "s-01", seen: int = 1, alert: str = "", until: int = NOW + VALID_MS) -> str:
        return PREFIX + token(KEY, Link(alert or self.alert, seen, to, "sms", until))

    async def look(self, path: str) -> tuple[int, str, Form]:
        page = await self.anybody.get(path)
        return page.status_code, page.text, Form(page.text)

    async def press(self, path: str, act: str, **more: str) -> httpx.Response:
        """Look at the page, then press a button of it."""
        _, _, form = await self.look(path)
        assert act in form.acts
        return await self.anybody.post(path, data=form.fields | {"act": act} | more)

    def acts(self) -> list[Event]:
        kinds = (Acknowledged, Arrived, Resolved)
        return [event for event in self.desk.history(self.alert) if isinstance(event, kinds)]

    def call_again(self) -> None:
        self.desk.decide(decision(f"k{self.desk.now}", at=self.desk.now + 1), self.desk.now + 1)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    desk = MemoryDesk()
    desk.decide(decision("k0", at=NOW), NOW)
    (episode,) = desk.urgent(1)
    router = routes(desk, KEY, lambda: desk.now)
    async with (
        serving(desk=desk, more=[router], guarded=[PREFIX]) as served,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{served.port}", trust_env=False) as anybody,
    ):
        yield House(desk, anybody, episode.id)


async def test_looking_shows_where_and_what_and_does_nothing(house: House) -> None:
    for _ in range(3):
        status, text, form = await house.look(house.link())
        assert status == 200
        for words in ("紧急", "301室 1床", "呼救", "URGENT", "call for help", "尚无人接手", "s-01"):
            assert words in text
        assert "王秀英" not in text
        assert form.acts == ["acknowledge", "arrive", "resolve"]
        assert not form.asks_name
    assert not house.acts()


async def test_nobody_keeps_it_and_nothing_runs_in_it(house: House) -> None:
    page = await house.anybody.get(house.link())
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert (await house.anybody.head(house.link())).status_code == 405


async def test_each_button_does_what_it_says_once(house: House) -> None:
    path = house.link()
    for act, more, stands in (
        ("acknowledge", {}, "已接手"),
        ("arrive", {}, "已到场"),
        ("resolve", {"outcome": "real"}, "已处理完毕"),
    ):
        _, _, form = await house.look(path)
        for _ in range(2):  # an impatient thumb
            done = await house.anybody.post(path, data=form.fields | {"act": act} | more)
            assert (done.status_code, stands in done.text, "s-01" in done.text) == (200, True, True)
    assert [(type(event), event.by, event.source) for event in house.acts()] == [  # type: ignore[union-attr]
        (kind, "s-01", "link:sms") for kind in (Acknowledged, Arrived, Resolved)
    ]
    _, text, form = await house.look(path)
    assert (form.acts, "已处理完毕" in text) == ([], True)


async def test_who_came_second_hears_who_was_first_and_may_take_over(house: House) -> None:
    mine, theirs = house.link("s-01"), house.link("s-02")
    _, _, form = await house.look(theirs)
    await house.press(mine, "acknowledge")
    late = await house.anybody.post(theirs, data=form.fields | {"act": "acknowledge"})
    assert (late.status_code, "s-01 已先接手" in late.text) == (409, True)
    assert len(house.acts()) == 1
    taken = await house.anybody.post(theirs, data=Form(late.text).fields | {"act": "acknowledge"})
    assert taken.status_code == 200
    assert [event.by for event in house.acts()] == ["s-01", "s-02"]  # type: ignore[union-attr]


async def test_an_old_message_s_link_shows_the_new_call_before_it_acts(house: House) -> None:
    path = house.link()
    _, _, old = await house.look(path)
    house.call_again()
    late = await house.anybody.post(path, data=old.fields | {"act": "resolve", "outcome": "false"})
    assert (late.status_code, "called again" in late.text) == (409, True)
    assert not house.acts()
    assert "called again" in (await house.look(path))[1]
    assert (await house.press(path, "acknowledge")).status_code == 200


async def test_of_a_group_s_link_the_name_is_asked(house: House) -> None:
    path = house.link(to="")
    assert (await house.look(path))[2].asks_name
    for nameless in ("", " ", "\x00", "\u202ech"):
        refused = await house.press(path, "acknowledge", by=nameless)
        assert (refused.status_code, "请填写姓名" in refused.text) == (409, True)
    assert (await house.press(path, "acknowledge", by="<b>陈梅</b>")).status_code == 200
    _, text, _ = await house.look(path)
    assert "&lt;b&gt;陈梅" in text


async def test_a_link_names_who_acts_whatever_the_form_says(house: House) -> None:
    await house.press(house.link(), "acknowledge", by="somebody else")
    assert [event.by for event in house.acts()] == ["s-01"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "fields",
    [
        {"act": "resolve"},
        {"act": "resolve", "outcome": "perhaps"},
        {"act": "dance"},
        {"act": "dance", "seen": "９"},
        {},
        {f"f{n}": "1" for n in range(40)},
    ],
)
async def test_what_is_no_act_does_nothing(house: House, fields: dict[str, str]) -> None:
    answer = await house.anybody.post(house.link(), data=fields)
    assert answer.status_code in {200, 409}
    assert "<form" in answer.text
    assert not house.acts()


async def test_an_expired_link_says_so(house: House) -> None:
    expired = house.link(until=NOW - NOW % 60_000)
    for answer in (
        await house.anybody.get(expired),
        await house.anybody.post(expired, data={"act": "arrive"}),
    ):
        assert (answer.status_code, "已过期" in answer.text) == (410, True)
    assert not house.acts()


async def test_a_link_to_what_is_not_there_says_so(house: House) -> None:
    assert (await house.look(house.link(alert="gone")))[0] == 404


@pytest.mark.parametrize("given", ["x", "A" * 70, "A" * 5_000, "%E9%93%BE%E6%8E%A5", "a.b"])
async def test_what_is_no_link_of_ours_is_a_page_that_says_so(house: House, given: str) -> None:
    status, text, _ = await house.look(PREFIX + given)
    assert (status, "链接无效" in text) == (404, True)


async def test_guessing_is_slowed_down_and_shuts_nobody_out(house: House) -> None:
    answers = [(await house.anybody.get(f"{PREFIX}{n:070d}")).status_code for n in range(GUESSES + 1)]
    assert answers == [404] * GUESSES + [429]
    assert (await house.press(house.link(), "acknowledge")).status_code == 200
    house.desk.now += 60_000
    assert (await house.look(PREFIX + "A" * 70))[0] == 404


async def test_where_presence_is_needed_the_page_says_so(house: House) -> None:
    house.desk.needs_presence = True
    refused = await house.press(house.link(), "resolve", outcome="real")
    assert (refused.status_code, "尚无人到场" in refused.text) == (409, True)
    await house.press(house.link(), "arrive")
    assert (await house.press(house.link(), "resolve", outcome="real")).status_code == 200
    found = house.desk.get(house.alert)
    assert found is not None
    assert found.state is State.RESOLVED
