"""Alerts over HTTP: listed, looked at, acknowledged, resolved; and everything that is refused."""

import asyncio
import json

import httpx
import pytest
from prometheus_client import Counter

from ingest.border import MAX_BODY_BYTES
from tests.alerts.decisions import decision
from tests.api.conftest import BEARER, Served, Serving
from tests.api.memory_desk import MemoryDesk

API = "/api/v1/alerts"
NOW = 1_763_763_600_123


def raised(served: Served, key: str = "k1", subject: str = "wang", now: int = NOW) -> str:
    """One SOS; its alert's id."""
    served.desk.decide(decision(key, subject=subject, at=now), now)
    return served.desk.episodes(None, 1)[0].id


def assert_problem(response: httpx.Response, status: int, error: str) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    problem = response.json()
    assert set(problem) == {"error", "detail"}
    assert problem["error"] == error
    assert isinstance(problem["detail"], str)
    return problem["detail"]


async def test_an_alert_is_listed_with_all_that_a_screen_needs(served: Served) -> None:
    alert = raised(served)
    response = await served.client.get(API)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "alerts": [
            {
                "alert": alert,
                "rule": "sos",
                "kind": "sos",
                "cause": "wang",
                "severity": "high",
                "life_safety": True,
                "state": "open",
                "active": True,
                "site": "s1",
                "subjects": [
                    {
                        "subject": "wang",
                        "resident": "wang",
                        "place": "b1",
                        "room": "301",
                        "bed": "1",
                        "since": "2025-11-21T22:20:00.123Z",
                        "active": True,
                    }
                ],
                "device": "button-1",
                "metric": "sos",
                "signs": [],
                "evidence": 1,
                "first_out": True,
                "follows": None,
                "latched": 0,
                "muted": 0,
                "suspension": None,
                "number": 1,
                "opened_at": "2025-11-21T22:20:00.123Z",
                "raised_at": "2025-11-21T22:20:00.123Z",
                "last_evidence_at": "2025-11-21T22:20:00.123Z",
                "acknowledged_by": None,
                "acknowledged_at": None,
                "acknowledged_until": None,
                "arrived_by": None,
                "arrived_at": None,
                "told": "raised",
                "ask_until": None,
                "resolved_by": None,
                "resolved_at": None,
                "outcome": None,
                "note": "",
                "facts": {},
                "text": {"zh-CN": "【紧急】301室 1床：呼救", "en": "URGENT: Room 301, bed 1: call for help"},
            }
        ],
        "next": None,
    }


async def test_an_alert_is_acknowledged_and_resolved_and_its_history_told(served: Served) -> None:
    alert = raised(served)
    taken = await served.client.post(f"{API}/{alert}/acknowledge", json={"by": " 陈梅 ", "note": "on my way"})
    assert taken.status_code == 200
    assert (taken.json()["state"], taken.json()["acknowledged_by"]) == ("acknowledged", "陈梅")
    body = {"by": "陈梅", "outcome": "false", "note": "leaned on it\nno harm"}
    closed = await served.client.post(f"{API}/{alert}/resolve", json=body)
    assert closed.status_code == 200
    assert (closed.json()["state"], closed.json()["outcome"]) == ("resolved", "false")
    assert closed.json()["note"] == "leaned on it\nno harm"
    told = (await served.client.get(f"{API}/{alert}")).json()
    assert {key: value for key, value in told.items() if key != "history"} == closed.json()
    assert [(event["event"], event["number"]) for event in told["history"]] == [
        ("opened", 1),
        ("acknowledged", 2),
        ("resolved", 3),
    ]
    opened, acknowledged, _ = told["history"]
    assert opened["evidence"] == {
        "metric": "sos",
        "device": "button-1",
        "at": "2025-11-21T22:20:00.123Z",
        "received_at": "2025-11-21T22:20:00.123Z",
        "detail": "",
    }
    assert acknowledged == {
        "event": "acknowledged",
        "alert": alert,
        "number": 2,
        "at": "2025-11-21T22:20:00.123Z",
        "by": "陈梅",
        "source": "api",
        "note": "on my way",
        "until": "2025-11-21T22:25:00.123Z",
    }


async def test_acts_may_be_repeated_and_a_second_resolution_is_a_conflict(served: Served) -> None:
    alert = raised(served)
    for _ in range(2):
        assert (await served.client.post(f"{API}/{alert}/acknowledge", json={"by": "Chen"})).is_success
    body = {"by": "Chen", "outcome": "real"}
    for _ in range(2):
        assert (await served.client.post(f"{API}/{alert}/resolve", json=body)).is_success
    assert len(served.desk.history(alert)) == 3
    other = await served.client.post(f"{API}/{alert}/resolve", json=body | {"by": "Zhou"})
    assert_problem(other, 409, "already_resolved")
    late = await served.client.post(f"{API}/{alert}/acknowledge", json={"by": "Zhou"})
    assert_problem(late, 409, "already_resolved")


async def test_an_act_on_a_fall_not_yet_seen_is_a_conflict(served: Served) -> None:
    alert = raised(served)
    raised(served, "k2", now=NOW + 60_000)
    for act, body in (("acknowledge", {}), ("resolve", {"outcome": "real"})):
        stale = await served.client.post(f"{API}/{alert}/{act}", json={"by": "Chen", "seen": 1} | body)
        assert_problem(stale, 409, "fresh_evidence")
    fresh = await served.client.post(f"{API}/{alert}/acknowledge", json={"by": "Chen", "seen": 2})
    assert fresh.is_success


async def test_what_is_about_life_is_closed_by_who_was_there_where_the_home_wants_so(served: Served) -> None:
    served.desk.needs_presence = True
    served.desk.decide(decision("k0"), 1_000)
    (episode,) = served.desk.urgent(1)
    path, said = f"/api/v1/alerts/{episode.id}", {"by": "chen.mei", "outcome": "real", "via": "console"}
    refused = await served.client.post(f"{path}/resolve", json=said)
    assert (refused.status_code, refused.json()["error"]) == (409, "nobody_there")
    done = await served.client.post(f"{path}/resolve", json=said | {"voice_contact": "call-17"})
    assert (done.status_code, done.json()["state"]) == (200, "resolved")
    last = (await served.client.get(path)).json()["history"][-1]
    assert (last["source"], last["voice_contact"]) == ("console", "call-17")
    assert (await served.client.post(f"{path}/resolve", json=said | {"via": "moon"})).status_code == 422


async def test_an_unknown_alert_is_not_found(served: Served) -> None:
    assert_problem(await served.client.get(f"{API}/none"), 404, "unknown_alert")
    for act, body in (("acknowledge", {"by": "C"}), ("resolve", {"by": "C", "outcome": "real"})):
        assert_problem(await served.client.post(f"{API}/none/{act}", json=body), 404, "unknown_alert")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"by": ""},
        {"by": "   "},
        {"by": "x" * 65},
        {"by": "Chen\x00"},
        {"by": "Ch\nen"},
        {"by": "Ch\u202een"},
        {"by": "Ch\u2028en"},
        {"by": "\ud800"},
        {"by": 7},
        {"by": None},
        {"by": ["Chen"]},
        {"by": "Chen", "note": "x" * 2001},
        {"by": "Chen", "note": "\x1b[2J"},
        {"by": "Chen", "seen": 0},
        {"by": "Chen", "seen": "1"},
        {"by": "Chen", "role": "nurse"},
        [],
        "Chen",
        None,
    ],
)
async def test_a_body_that_is_not_an_act_is_refused_and_not_repeated(served: Served, body: object) -> None:
    alert = raised(served)
    for act in ("acknowledge", "resolve"):
        response = await served.client.post(
            f"{API}/{alert}/{act}", content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        assert "Chen" not in assert_problem(response, 422, "invalid")
    assert len(served.desk.history(alert)) == 1


@pytest.mark.parametrize("outcome", ["", "fine", "REAL", None, 1])
async def test_an_outcome_is_one_of_four(served: Served, outcome: object) -> None:
    alert = raised(served)
    body = {"by": "Chen", "outcome": outcome}
    assert_problem(await served.client.post(f"{API}/{alert}/resolve", json=body), 422, "invalid")


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 422), (b"", 422), (b"\xff", 400), (b"[" * 10_000, 400), (b'{"by": NaN}', 422)],
)
async def test_what_is_not_json_is_refused(served: Served, content: bytes, status: int) -> None:
    alert = raised(served)
    response = await served.client.post(
        f"{API}/{alert}/acknowledge", content=content, headers={"Content-Type": "application/json"}
    )
    assert_problem(response, status, "invalid" if status == 422 else "bad_request")


async def test_a_form_of_a_foreign_page_is_no_act(served: Served) -> None:
    """A browser sends text/plain to other sites without asking: with an open API that would be an act."""
    alert = raised(served)
    response = await served.client.post(
        f"{API}/{alert}/acknowledge", content=b'{"by": "Chen"}', headers={"Content-Type": "text/plain"}
    )
    assert_problem(response, 422, "invalid")


async def test_a_large_body_is_refused_whether_it_says_so_or_not(served: Served) -> None:
    alert = raised(served)
    large = b"{" + b" " * MAX_BODY_BYTES + b"}"
    assert_problem(await served.client.post(f"{API}/{alert}/acknowledge", content=large), 413, "too_large")

    async def chunks() -> object:
        for _ in range(100):
            yield b" " * 1_000

    chunked = await served.client.post(f"{API}/{alert}/acknowledge", content=chunks())
    assert_problem(chunked, 413, "too_large")


async def test_pages_follow_each_other_to_the_end(served: Served) -> None:
    for number in range(5):
        raised(served, f"k{number}", subject=f"p{number}", now=NOW + number // 4)
    paged, cursor = [], None
    while True:
        parameters = {"limit": "2"} | ({"before": cursor} if cursor else {})
        page = (await served.client.get(API, params=parameters)).json()
        paged += [alert["cause"] for alert in page["alerts"]]
        if (cursor := page["next"]) is None:
            break
    assert len(paged) == 5
    assert paged[0] == "p4"
    assert set(paged) == {f"p{number}" for number in range(5)}
    earlier = (await served.client.get(API, params={"before": str(NOW + 1)})).json()
    assert {alert["cause"] for alert in earlier["alerts"]} == {"p0", "p1", "p2", "p3"}


async def test_alerts_are_listed_by_state(served: Served) -> None:
    alert = raised(served)
    raised(served, "k2", subject="li", now=NOW + 1)
    await served.client.post(f"{API}/{alert}/acknowledge", json={"by": "Chen"})
    for state, causes in (
        ("open", ["li"]),
        ("acknowledged", ["wang"]),
        ("resolved", []),
        ("all", ["li", "wang"]),
    ):
        page = (await served.client.get(API, params={"state": state})).json()
        assert [found["cause"] for found in page["alerts"]] == causes


@pytest.mark.parametrize(
    "query", ["state=quiet", "limit=0", "limit=1001", "limit=x", "before=", "before=x", "before=1.a%20b"]
)
async def test_a_query_that_means_nothing_is_refused(served: Served, query: str) -> None:
    assert_problem(await served.client.get(f"{API}?{query}"), 422, "invalid")


@pytest.mark.parametrize("path", [API, f"{API}/x", "/api/v1/events", "/metrics", "/api/v9", "/", "//healthz"])
@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", "Bearer a token for test", "Basic x", "Bearer é"]
)
async def test_without_the_token_nobody_comes_in(
    served: Served, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    async with httpx.AsyncClient(trust_env=False) as stranger:
        response = await stranger.get(f"http://127.0.0.1:{served.port}{path}", headers=headers)
    assert_problem(response, 401, "unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_without_a_token_configured_everybody_comes_in(serve: Serving) -> None:
    async with serve(token=None) as served, httpx.AsyncClient(trust_env=False) as stranger:
        for path in (API, "/metrics"):
            assert (await stranger.get(f"http://127.0.0.1:{served.port}{path}")).status_code == 200


async def test_ways_that_do_not_exist_answer_in_json(served: Served) -> None:
    assert_problem(await served.client.get("/nothing"), 404, "not_found")
    assert_problem(await served.client.delete(API), 405, "method_not_allowed")
    for page in ("/docs", "/redoc"):
        assert (await served.client.get(page)).status_code == 404


async def test_health_and_readiness_are_open_and_name_what_is_away(served: Served) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{served.port}", trust_env=False) as anybody:
        assert (await anybody.get("/healthz")).json() == {"status": "alive"}
        ready = await anybody.get("/readyz")
        parts = {"broker": True, "journal": True, "database": True}
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "parts": parts})
        served.parts["database"] = "password for user wang refused"
        away = await anybody.get("/readyz")
        assert away.status_code == 503
        assert away.json() == {
            "error": "not_ready",
            "detail": "not ready: database",
            "parts": parts | {"database": False},
        }
        assert (await anybody.get("/healthz")).status_code == 200


async def test_metrics_are_those_of_the_registry_given(served: Served, serve: Serving) -> None:
    Counter("shouwang_presses", "Presses.", registry=served.metrics).inc(3)
    response = await served.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    assert "shouwang_presses_total 3.0" in response.text
    async with serve(metrics_open=True) as open_one, httpx.AsyncClient(trust_env=False) as scraper:
        url = f"http://127.0.0.1:{open_one.port}"
        assert (await scraper.get(f"{url}/metrics")).status_code == 200
        assert (await scraper.get(f"{url}{API}")).status_code == 401


async def test_the_api_describes_itself_without_a_token(served: Served) -> None:
    async with httpx.AsyncClient(trust_env=False) as anybody:
        described = (await anybody.get(f"http://127.0.0.1:{served.port}/openapi.json")).json()
    assert set(described["paths"]) == {
        API,
        f"{API}/{{alert}}",
        f"{API}/{{alert}}/acknowledge",
        f"{API}/{{alert}}/arrive",
        f"{API}/{{alert}}/resolve",
        "/api/v1/events",
        "/api/v1/quiet",
        "/api/v1/quiet/shelve",
        "/api/v1/quiet/out-of-service",
        "/api/v1/quiet/{suspension}/end",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    assert described["components"]["securitySchemes"] == {"HTTPBearer": {"type": "http", "scheme": "bearer"}}


class BrokenDesk(MemoryDesk):
    """A desk whose disk is gone; the exception names a person."""

    def get(self, episode: str) -> None:
        raise OSError(f"cannot read the file of 王秀英 {episode}")


async def test_no_traceback_and_no_name_reaches_the_client_or_the_log(
    serve: Serving, capfd: pytest.CaptureFixture[str]
) -> None:
    async with serve(desk=BrokenDesk()) as served:
        response = await served.client.get(f"{API}/x")
        assert assert_problem(response, 500, "internal") == "the service failed to answer"
        assert (await served.client.get("/healthz")).status_code == 200
    written = "".join(capfd.readouterr())
    assert "OSError" in written
    assert "王秀英" not in written
    assert "Traceback" not in written


async def test_a_body_that_never_comes_holds_nobody_else(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    head = f"POST {API}/x/acknowledge HTTP/1.1\r\nHost: x\r\nAuthorization: {BEARER['Authorization']}\r\n"
    writer.write(f"{head}Content-Length: 10\r\n\r\n{{".encode())
    await writer.drain()
    assert (await served.client.get("/healthz")).status_code == 200
    writer.close()
    await writer.wait_closed()
    assert await reader.read() == b""
