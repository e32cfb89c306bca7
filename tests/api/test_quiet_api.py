"""What calls nobody, over HTTP: put there by a person with a reason, listed, ended; and what is refused."""

import json
from dataclasses import replace

import httpx
import pytest

from rules.decision import Change, Severity
from rules.failure import Failure
from tests.alerts.decisions import decision
from tests.api.conftest import Served
from tests.api.test_alerts_api import API, NOW, assert_problem

QUIET = "/api/v1/quiet"
HOUR = 3_600_000
BATH: dict[str, object] = {
    "rule": "bed_exit",
    "subject": "wang",
    "minutes": 60,
    "by": "陈梅",
    "reason": "bath until four",
}
SERVICE: dict[str, object] = {
    "site": "s1",
    "device": "button-1",
    "minutes": 60,
    "by": "周",
    "reason": "new battery",
}


def out_of_bed(served: Served, key: str = "k1", now: int = NOW, **about: object) -> None:
    given = {"rule": "bed_exit", "severity": Severity.MEDIUM, "at": now} | about
    served.desk.decide(decision(key, **given), now)  # type: ignore[arg-type]


async def listed(served: Served) -> dict[str, list[dict[str, object]]]:
    response = await served.client.get(QUIET)
    assert response.status_code == 200
    return response.json()


async def shelve(served: Served, **about: object) -> httpx.Response:
    return await served.client.post(f"{QUIET}/shelve", json=BATH | about)


async def test_r55_r57_a_shelf_is_put_up_listed_with_what_is_under_it_and_ended(served: Served) -> None:
    served.desk.tick(NOW)
    assert await listed(served) == {
        "shelved": [],
        "out_of_service": [],
        "suppressed": [],
        "disabled": [],
        "floods": [],
    }
    put = await shelve(served)
    assert put.status_code == 200, put.text
    shelf = put.json()
    assert {key: shelf[key] for key in ("state", "rule", "subject", "by", "reason", "once", "alerts")} == {
        "state": "shelved",
        "rule": "bed_exit",
        "subject": "wang",
        "by": "陈梅",
        "reason": "bath until four",
        "once": False,
        "alerts": [],
    }
    assert (shelf["since"], shelf["until"]) == ("2025-11-21T22:20:00.123Z", "2025-11-21T23:20:00.123Z")
    out_of_bed(served)
    out_of_bed(served, "k2")
    (one,) = (await listed(served))["shelved"]
    assert one["evidence"] == 2
    (alert,) = one["alerts"]  # type: ignore[misc]
    assert (alert["state"], alert["suspension"]) == ("shelved", shelf["suspension"])
    found = (await served.client.get(API, params={"state": "shelved"})).json()["alerts"]
    assert [one["alert"] for one in found] == [alert["alert"]]
    ended = await served.client.post(f"{QUIET}/{shelf['suspension']}/end", json={"by": "周"})
    assert ended.json() == {"suspension": shelf["suspension"], "ended": True}
    assert (await listed(served))["shelved"] == []
    opened = (await served.client.get(f"{API}/{alert['alert']}")).json()
    assert (opened["state"], opened["suspension"]) == ("open", None)
    assert [event["event"] for event in opened["history"]] == ["opened", "evidence", "released"]
    again = await served.client.post(f"{QUIET}/{shelf['suspension']}/end", json={"by": "周"})
    assert again.status_code == 200


async def test_r55_it_ends_by_itself(served: Served) -> None:
    served.desk.tick(NOW)
    await shelve(served)
    out_of_bed(served)
    served.desk.tick(NOW + HOUR)
    assert (await listed(served))["shelved"] == []
    assert len((await served.client.get(API, params={"state": "open"})).json()["alerts"]) == 1


async def test_r57_four_kinds_of_quiet_are_four_lists(served: Served) -> None:
    served.desk.tick(NOW)
    await shelve(served)
    assert (await served.client.post(f"{QUIET}/out-of-service", json=SERVICE)).status_code == 200
    away = decision("s1", change=Change.SUPPRESS, rule="vitals", subject="li", at=NOW)
    served.desk.decide(replace(away, facts={"why": "hospital"}), NOW)
    served.failures.append(Failure("inactivity", "wang", "KeyError"))
    for number in range(11):
        out_of_bed(served, f"f{number}", subject=f"p{number}", device="")
    quiet = await listed(served)
    assert [one["rule"] for one in quiet["shelved"]] == ["bed_exit"]
    assert [(one["device"], one["site"]) for one in quiet["out_of_service"]] == [("button-1", "s1")]
    assert quiet["suppressed"] == [
        {
            "rule": "vitals",
            "kind": "vitals",
            "cause": "li",
            "subject": "li",
            "resident": "li",
            "place": "b2",
            "site": "s1",
            "why": "hospital",
            "since": "2025-11-21T22:20:00.123Z",
            "last_at": "2025-11-21T22:20:00.123Z",
            "count": 1,
        }
    ]
    assert quiet["disabled"] == [{"rule": "inactivity", "subject": "wang", "error": "KeyError"}]
    assert [one["cause"] for one in quiet["floods"]] == ["flood:s1"]


@pytest.mark.parametrize(
    ("about", "status", "error"),
    [
        ({"minutes": 481}, 422, "too_long"),
        ({"rule": "sos"}, 422, "life_safety"),
        ({"rule": "fall"}, 422, "life_safety"),
        ({"rule": "long_lie"}, 422, "life_safety"),
        ({"rule": "environment"}, 422, "life_safety"),
        ({"rule": "environment", "cause": "smoke:kitchen"}, 422, "life_safety"),
        ({"rule": "nothing"}, 404, "unknown_rule"),
        ({"subject": "nobody"}, 404, "unknown_subject"),
        ({"subject": ""}, 422, "bad_scope"),
        ({"reason": ""}, 422, "invalid"),
        ({"reason": " "}, 422, "invalid"),
        ({"by": ""}, 422, "invalid"),
        ({"minutes": 0}, 422, "invalid"),
        ({"minutes": "60"}, 422, "invalid"),
        ({"minutes": 1e300}, 422, "invalid"),
        ({"minutes": True}, 422, "invalid"),
        ({"for": 5}, 422, "invalid"),
        ({"reason": "\x1b[2J"}, 422, "invalid"),
        ({"subject": "wang\u202e"}, 422, "invalid"),
    ],
)
async def test_r55_what_cannot_be_shelved_is_refused(
    served: Served, about: dict[str, object], status: int, error: str
) -> None:
    served.desk.tick(NOW)
    content = json.dumps(BATH | about)
    response = await served.client.post(
        f"{QUIET}/shelve", content=content, headers={"Content-Type": "application/json"}
    )
    assert_problem(response, status, error)
    assert (await listed(served))["shelved"] == []


async def test_r55_a_longer_shelf_is_refused_with_the_limit(served: Served) -> None:
    served.desk.tick(NOW)
    assert assert_problem(await shelve(served, minutes=10_000_000), 422, "too_long").startswith("at most 8 h")
    longer = await served.client.post(f"{QUIET}/out-of-service", json=SERVICE | {"minutes": 1441})
    assert assert_problem(longer, 422, "too_long").startswith("at most 24 h")


async def test_a_device_or_a_suspension_that_is_not_there_is_not_found(served: Served) -> None:
    served.desk.tick(NOW)
    unknown = await served.client.post(f"{QUIET}/out-of-service", json=SERVICE | {"device": "x"})
    assert_problem(unknown, 404, "unknown_device")
    assert_problem(
        await served.client.post(f"{QUIET}/none/end", json={"by": "周"}), 404, "unknown_suspension"
    )


async def test_r58_a_device_out_of_service_still_calls_for_help(served: Served) -> None:
    served.desk.tick(NOW)
    await served.client.post(f"{QUIET}/out-of-service", json=SERVICE)
    out_of_bed(served)
    served.desk.decide(decision("help", at=NOW), NOW)
    states = {one["rule"]: one["state"] for one in (await served.client.get(API)).json()["alerts"]}
    assert states == {"bed_exit": "out_of_service", "sos": "open"}


async def test_r47_urgent_order_has_help_on_top_and_no_further_page(served: Served) -> None:
    served.desk.decide(decision("help", at=NOW), NOW)
    for number in range(1_000):
        out_of_bed(served, f"k{number}", subject=f"p{number}", now=NOW + 1 + number)
    page = (await served.client.get(API, params={"order": "urgent", "limit": "10"})).json()
    assert page["next"] is None
    assert page["alerts"][0]["rule"] == "sos"
    opened = (await served.client.get(API, params={"order": "urgent", "state": "open"})).json()
    assert opened["alerts"][0]["rule"] == "sos"


async def test_urgent_order_of_one_state_is_not_cut_short_by_the_others(served: Served) -> None:
    out_of_bed(served, subject="li")
    (taken,) = [one["alert"] for one in (await served.client.get(API)).json()["alerts"]]
    served.desk.decide(decision("help", at=NOW), NOW)
    await served.client.post(f"{API}/{taken}/acknowledge", json={"by": "chen"})
    asked = {"order": "urgent", "state": "acknowledged", "limit": "1"}
    found = (await served.client.get(API, params=asked)).json()["alerts"]
    assert [one["rule"] for one in found] == ["bed_exit"]


async def test_r50_stale_alerts_are_listed(served: Served) -> None:
    out_of_bed(served)
    out_of_bed(served, "k2", subject="li", now=NOW + 24 * HOUR)
    assert (await served.client.get(API, params={"stale": "true"})).json()["alerts"] == []
    served.desk.tick(NOW + 24 * HOUR + 1)
    stale = (await served.client.get(API, params={"stale": "true"})).json()["alerts"]
    assert [one["cause"] for one in stale] == ["wang"]


async def test_the_new_ways_are_described_with_examples(served: Served) -> None:
    described = (await served.client.get("/openapi.json")).json()
    schemas = described["components"]["schemas"]
    for name in ("Shelf", "OutOfService", "Ending"):
        assert schemas[name]["examples"], name
    assert "R-55" in schemas["Shelf"]["description"]
