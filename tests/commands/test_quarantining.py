"""`quarantine list / show / retry` at a service with a real broker and a real database."""

import asyncio
import json
import tomllib
from pathlib import Path

import httpx
import pytest

from tests.brokers import AnyBroker
from tests.commands.program import Answer, called, shouwang, started
from tests.deadline import eventually
from tests.publisher import Publisher
from tests.service.house import free_port, rows

pytestmark = pytest.mark.integration

DOOR = ("zigbee2mqtt/door", b'{"contact": false, "wifi_password": "s3cret"}')


class House:
    """A service in a process of its own, on its own port."""

    def __init__(self, folder: Path, broker: AnyBroker, dsn: str, port: int) -> None:
        self.config = folder / "shouwang.toml"
        self.registry = folder / "home.toml"
        self.registry.write_text("")
        self.config.write_text(
            f'data = "data"\nregistry = ["home.toml"]\n[broker]\nurl = "{broker.url}"\n'
            f"[database]\ndsn = {json.dumps(dsn)}\n[api]\nport = {port}\n"
        )
        assert tomllib.loads(self.config.read_text())

    async def quarantine(self, *words: str) -> Answer:
        answer = await asyncio.to_thread(called, "quarantine", *words, "--config", self.config)
        assert answer.code == 0, answer.err
        return answer


async def test_from_the_message_to_the_row_after_the_registry_learned_the_model(
    broker: AnyBroker, dsn: str, tmp_path: Path
) -> None:
    port = free_port()
    house = House(tmp_path, broker, dsn, port)
    async with started("run", "--config", house.config) as service:
        await service.line('"broker_connected"', '"vendors"')
        with Publisher(broker.port) as device:
            device.send_all([DOOR, ("zigbee2mqtt/door", b'{"contact"')])
        await eventually(lambda: rows(dsn, "SELECT count(*) FROM quarantine") == [(2,)])
        broken, door = (await house.quarantine("list", "--json")).lines
        assert (broken["reason"], broken["device"]) == ("not_json", "door")
        assert (door["reason"], door["family"]) == ("not_understood", "zigbee2mqtt")
        assert door["shown"] == '{"contact":false,"wifi_password":"***"}'
        table = (await house.quarantine("list", "--family", "zigbee2mqtt")).out.decode()
        assert "not_understood" in table
        assert "s3cret" not in table
        assert "s3cret" not in (await house.quarantine("show", str(door["id"]))).out.decode()
        clear = (await house.quarantine("show", str(door["id"]), "--clear")).out.decode()
        assert "s3cret" in clear
        assert clear.count("zigbee2mqtt/door") == 1
        assert (await house.quarantine("list", "--device", "another")).err.startswith("nothing here of this")
        retried = await house.quarantine("retry")
        assert "0 understood" in retried.out.decode()
        assert f"{door['id']}  still 仍 not_understood: fields: contact" in retried.out.decode()
        assert "start the service again, and retry" in retried.err
        await service.ends(15)
    house.registry.write_text('[[device]]\nid = "door"\nmodel = "MCCGQ11LM"\n')
    async with started("run", "--config", house.config) as service:
        await service.line('"started"')
        await service.line('"database_connected"')
        (done,) = (await house.quarantine("retry", "--json")).lines
        assert (done["looked_at"], done["understood"], done["observations"]) == (2, 1, 1)
        assert [(row["id"], row["metrics"]) for row in done["rows"] if row["understood"]] == [
            (door["id"], ["door_open"])
        ]
        again = await house.quarantine("retry", str(door["id"]), "--json")
        assert again.lines[0]["looked_at"] == 0
        assert f"{door['id']} was understood before, 1 stored" in again.err
        assert "understood 已识别, 1 stored" in (await house.quarantine("list", "--all")).out.decode()
        listed = (await house.quarantine("list", "--all", "--json")).lines
        assert [row["understood_at"] is not None for row in listed] == [False, True]
        await _refuses_what_it_should(house, port)
        await service.ends(15)
    found = rows(dsn, "SELECT metric, value, late FROM observation WHERE device = 'door'")
    assert found == [("door_open", 1.0, True)]


async def _refuses_what_it_should(house: House, port: int) -> None:
    wrong = house.config.parent / "wrong"
    wrong.write_text("no such token")
    for words, code, said in (
        (["list", "--token-file", wrong], 1, "this token is wrong"),
        (["list", "--family", "zigbee"], 2, "there are native, "),
        (["list", "--reason", "because"], 2, "there are unknown_topic, "),
        (["retry", "--reason", "because"], 2, "there are unknown_topic, "),
        (["retry", "999999"], 1, "no 999999 in quarantine"),
    ):
        answer = await asyncio.to_thread(called, "quarantine", *words, "--config", house.config)
        assert (answer.code, said in answer.err) == (code, True), answer.err
    unknown = await asyncio.to_thread(shouwang, "quarantine", "show", "999999", "--config", house.config)
    assert unknown.code == 1
    assert "nothing of this number" in unknown.err
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as stranger:
        assert (await stranger.get("/api/v1/quarantine")).status_code == 401
        assert (await stranger.post("/api/v1/quarantine/retry", json={})).status_code == 401
    token = {"Authorization": f"Bearer {(house.config.parent / 'data' / 'api-token').read_text().strip()}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=token) as friend:
        for bad in ({"ids": ["x"]}, {"ids": [2**70]}, {"device": "\0"}, {"limit": 0}, {"more": 1}, []):
            assert (await friend.post("/api/v1/quarantine/retry", json=bad)).status_code == 422
        for bad_query in ("limit=0", "device=%00", "before=-1", "reason=" + "x" * 201):
            assert (await friend.get(f"/api/v1/quarantine?{bad_query}")).status_code == 422
        injected = await friend.get("/api/v1/quarantine?device=' OR '1'='1")
        assert injected.json()["quarantine"] == []
        assert (await friend.get("/api/v1/quarantine/x")).status_code == 422


@pytest.mark.parametrize("api", ["foo", "localhost:8080", "http://", "ftp://x", "http://[", "http://a:b"])
def test_what_is_no_address_is_told(api: str) -> None:
    answer = called("quarantine", "list", "--api", api)
    assert answer.code == 2
    assert "is not an address" in answer.err


@pytest.mark.parametrize("held", [b"", b"\xff\xfe\x00", "密码".encode(), b"two\nlines"])
def test_a_file_without_a_token_is_told(tmp_path: Path, held: bytes) -> None:
    (tmp_path / "token").write_bytes(held)
    words = ["--api", "http://127.0.0.1:9", "--token-file", tmp_path / "token"]
    answer = called("quarantine", "list", *words)
    assert answer.code == 2
    assert "holds no token" in answer.err


def test_without_a_service_it_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    words = ["--api", "http://127.0.0.1:9", "--token-file", tmp_path / "token"]
    answer = called("quarantine", "list", *words)
    assert answer.code == 1
    assert "is the service running?" in answer.err
    missing = called("quarantine", "list", "--config", tmp_path / "none.toml")
    assert missing.code == 2
