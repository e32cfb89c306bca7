"""The village: a pure function of setting, seed and start; its devices say of it what they can."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices import registry_files
from devices.decode import decode
from devices.message import Message
from devices.reading import Decoded
from devices.registry import Registry
from simulators.life import DAY_MS, MINUTE_MS
from simulators.village import registry
from simulators.village.diary import BED, Diary, Stay
from simulators.village.faults import Failing
from simulators.village.people import CARE, STREET
from simulators.village.truth import expected
from simulators.village.village import Setting, Site, calm, eventful, sites

START = 1_767_567_600_000  # 2026-01-05 07:00 in Shanghai
SETTINGS = (calm(8, 5), eventful(8, 5))


def site(setting: Setting, name: str = CARE, seed: int = 1) -> Site:
    return Site(setting, name, seed, START)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
@pytest.mark.parametrize("name", [CARE, STREET])
def test_a_site_played_again_is_the_same_byte_for_byte_and_in_time_order(setting: Setting, name: str) -> None:
    first = list(site(setting, name))
    assert first == list(site(setting, name))
    assert first != list(site(setting, name, seed=2))
    assert all(one.at_ms <= two.at_ms for one, two in pairwise(first))
    assert all(START <= one.at_ms < START + 5 * DAY_MS for one in first)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_everything_that_is_said_is_understood(setting: Setting) -> None:
    for each in sites(setting, 1, START):
        people = registry_files.read([("site.toml", registry.of_site(each))])
        assert isinstance(people, Registry), people
        for said in each:
            message = Message(said.topic, said.payload, said.at_ms, retained=False, qos=said.qos)
            decoded = decode(message, people)
            assert isinstance(decoded, Decoded), (said, decoded)
            assert not decoded.rejected, (said, decoded)
            assert Counter(one.metric for one in decoded.readings) == Counter(said.metrics), said


def test_nothing_dangerous_happens_in_the_calm_world() -> None:
    for each in sites(calm(20, 14), 1, START):
        for fate in each.fates.values():
            told = (fate.presses, fate.falls, fate.still, fate.strays, fate.illnesses, fate.silent_mornings)
            assert not any(told)
        assert not each.fires
        assert {one.rule for one in expected(each) if one.must} <= {"bed_exit"}  # a long way to the toilet


def test_every_danger_happens_in_the_eventful_world() -> None:
    kinds = {one.rule for each in sites(eventful(30, 28), 1, START) for one in expected(each) if one.must}
    asked = "sos fall long_lie environment bed_exit inactivity wandering vitals news2 unprotected"
    assert set(asked.split()) <= kinds
    assert {"missed_check/check_in", "missed_check/visit"} <= kinds


def test_sites_do_not_depend_on_each_other_but_on_one_broker() -> None:
    care, street = sites(eventful(12, 28), 3, START)
    assert care.faults.broker == street.faults.broker
    alone = Site(care.setting, STREET, 3, START)
    assert expected(alone) == expected(street)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 50), st.sampled_from(["bed", "bath", "out"]))))
def test_a_diary_written_over_has_no_gaps_and_says_what_was_written_last(
    over: list[tuple[int, int, str]],
) -> None:
    diary = Diary([Stay(0, 60, BED), Stay(60, 200, "room")])
    for start, lasts, where in over:
        diary = diary.written_over(start, start + lasts, where)
        assert diary.at(start).where == diary.at(start + lasts - 1).where == where
    assert all(one.end == two.start and one.where != two.where for one, two in pairwise(diary.stays))
    assert (diary.stays[0].start, diary.stays[-1].end) == (0, 200)


def test_what_a_lost_gateway_kept_comes_late_and_what_a_dead_device_says_never() -> None:
    played = site(replace(eventful(6, 14), failing=Failing(gateway=3, battery=1, sensor=1)))
    faults = played.faults
    gateway = next(name for name, spans in faults.by_name.items() if name.startswith("gw-") and spans)
    lost = faults.by_name[gateway][0]
    heard = faults.heard_at("any", gateway, lost.start)
    assert heard is not None
    assert heard > lost.end
    for said in played:
        silent = lost.start <= said.at_ms < lost.end
        assert said.retain or not (said.via == gateway and silent), said
        outage = faults.outage(said.device, said.at_ms - 3 * MINUTE_MS)
        if outage and outage.start < said.at_ms - 5 * MINUTE_MS < said.at_ms < outage.end:
            assert said.retain, said
