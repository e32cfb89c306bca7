"""What `alerts show` and `alerts watch` say of an event, as the API tells of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from alerts.event import (
    Acknowledged,
    Address,
    Cleared,
    EpisodeEvent,
    EvidenceAdded,
    Notified,
    Opened,
    Weight,
)
from alerts.view import view_event
from ingest.commands.alerting import stands
from ingest.commands.watching import detail
from rules.decision import Evidence, Severity

SAID = "impact 3.9 g, free fall 0.1 s, turned 75 deg, moving after"
WHO = {"episode": "e1", "at": 1000, "subject": "r-01"}


def evidence(said: str = SAID) -> Evidence:
    return Evidence("k", "fall", "w-01", 900, 1000, said)


def opened(said: str) -> Opened:
    about = {"rule": "fall", "kind": "fall", "cause": "r-01", "site": "home-1", "identity": "i"}
    return Opened(**WHO, number=1, **about, severity=Severity.HIGH, evidence=evidence(said))  # type: ignore[arg-type]


def added(said: str) -> EvidenceAdded:
    about = {"severity": Severity.HIGH, "weight": Weight.NOTE, "identity": "j"}
    return EvidenceAdded(**WHO, number=2, **about, evidence=evidence(said))  # type: ignore[arg-type]


def cleared(said: str) -> Cleared:
    return Cleared(**WHO, number=3, identity="l", evidence=evidence(said))  # type: ignore[arg-type]


@pytest.mark.parametrize("made", [opened, added, cleared])
def test_what_was_seen_is_told_of_a_fall_that_was_felt(made: Callable[[str], EpisodeEvent]) -> None:
    kind = "跌倒 fall" if made is opened else ""
    assert detail(view_event(made(SAID))) == f"r-01: {', '.join(filter(None, (kind, SAID)))}"
    assert detail(view_event(made(""))) == (f"r-01: {kind}" if kind else "r-01")


@pytest.mark.parametrize(("lay_s", "said"), [(11, "11 s"), (59, "59 s"), (60, "1 min"), (1800, "30 min")])
def test_who_is_not_up_again_has_lain_for_so_long(lay_s: int, said: str) -> None:
    told = f"r-01: 跌倒 {said} 后仍未起身 not up {said} after the fall"
    for event in (replace(opened(""), kind="long_lie"), added(""), replace(added(""), kind="long_lie")):
        assert detail(view_event(replace(event, facts={"step_s": lay_s, "fall_ms": 1}))) == told


def test_what_joined_is_told_by_its_kind() -> None:
    assert detail(view_event(replace(added(""), rule="v", kind="vitals"))) == (
        "r-01: 请查看体征 look at the vital signs"
    )


def test_a_step_that_reaches_no_person_says_so() -> None:
    step = Notified("e1", 2, 1000, "high", 0, 0, repeat=True)
    assert "no person" in detail(view_event(step))
    assert "no person" not in detail(view_event(replace(step, to=(Address("li.na", "push"),))))


def test_an_act_is_told_as_before() -> None:
    act = Acknowledged("e1", 2, 1000, "chen.mei", "cli", 2000)
    assert detail(view_event(act)) == "chen.mei cli"


def test_whether_a_person_was_told_so_far() -> None:
    step = {"event": "notified", "to": [{"to": "li.na", "channel": "push"}]}
    alert = {"state": "open", "told": "notified", "number": 3, "history": [{"event": "opened"}]}
    nobody = stands(alert | {"history": [{"event": "opened"}, step | {"to": []}]})
    assert nobody == "待处理 open (notified): 尚未通知到人 no person was told so far; number 3 (--seen 3)"
    assert stands(alert | {"history": [step]}) == "待处理 open (notified); number 3 (--seen 3)"
    assert stands(alert | {"state": "on_site"}) == "已到场 on_site; number 3 (--seen 3)"
