"""Signed links: what was signed is what is read, and nothing else is."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.links import VALID_MS, Link, NightLink, Wrong, night_token, read, read_night, token

KEY = bytes(range(32))
NAMES = st.text(st.characters(exclude_characters="\0"), max_size=20)
LINKS = st.builds(
    Link,
    alert=NAMES,
    seen=st.integers(0, 2**31),
    to=NAMES,
    channel=NAMES,
    until=st.integers(1, 10**8).map(lambda minutes: minutes * 60_000),
)


@given(LINKS)
def test_what_was_signed_is_read_until_it_ends(link: Link) -> None:
    given_token = token(KEY, link)
    assert given_token.isascii()
    assert set(given_token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert read(KEY, given_token, link.until - 1) == link
    assert read(KEY, given_token, link.until) is Wrong.EXPIRED


@given(LINKS, st.data())
def test_a_changed_link_is_none(link: Link, data: st.DataObject) -> None:
    whole = token(KEY, link)
    place = data.draw(st.integers(0, len(whole) - 2))  # the last character may hold bits nobody reads
    letter = data.draw(st.sampled_from("AZaz09-_").filter(lambda one: one != whole[place]))
    assert read(KEY, whole[:place] + letter + whole[place + 1 :], 0) is Wrong.FORGED
    assert read(bytes(32), whole, 0) is Wrong.FORGED


@given(st.text(max_size=60))
def test_garbage_is_forged(garbage: str) -> None:
    assert read(KEY, garbage, 0) is Wrong.FORGED


def test_it_fits_into_a_short_message() -> None:
    link = Link("2a2bghly5xzuxvvn", 3, "chen.mei", "sms", 1_790_000_000_000 + VALID_MS)
    assert len(token(KEY, link)) < 80


@given(NAMES, NAMES, st.integers(1, 10**8).map(lambda minutes: minutes * 60_000))
def test_a_night_s_link_is_read_until_it_ends_and_is_no_alert_s(night: str, person: str, until: int) -> None:
    link = NightLink(night, person, until)
    whole = night_token(KEY, link)
    assert read_night(KEY, whole, until - 1) == link
    assert read_night(KEY, whole, until) is Wrong.EXPIRED
    assert read_night(bytes(32), whole, 0) is Wrong.FORGED
    assert read(KEY, whole, 0) is Wrong.FORGED


@given(LINKS)
def test_an_alert_s_link_answers_no_night(link: Link) -> None:
    assert read_night(KEY, token(KEY, link), 0) is Wrong.FORGED
