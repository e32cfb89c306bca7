"""The example configuration: accepted as it is, complete, and of one mind with the broker's ACL."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from pydantic import BaseModel
from pydantic_settings import BaseSettings

from ingest.commands.serving import Checked, check
from ingest.config import ApiConfig, BrokerConfig, Config, DatabaseConfig, WebhookConfig
from tests.deploy.folder import DEPLOY, REPOSITORY, uncommented
from tests.topics import overlap

# Secrets stand in files of their own, never in the configuration.
_NEVER = {"password", "dsn", "token", "secret"}


def _check_config(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ingest", "check-config", file],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_check_config_accepts_the_example(installation: Path) -> None:
    done = _check_config(installation / "shouwang.toml")
    assert done.returncode == 0, done.stderr
    assert "11 rules, 3 residents, 7 devices" in done.stderr


def test_check_config_asks_for_secrets_that_were_not_made(installation: Path) -> None:
    (installation / "secrets" / "db_dsn").unlink()
    done = _check_config(installation / "shouwang.toml")
    assert done.returncode == 2
    assert "db_dsn" in done.stderr


def test_what_is_off_in_the_example_is_right_too(installation: Path) -> None:
    file = installation / "shouwang.toml"
    file.write_text(uncommented(file.read_text()))
    found = check(file)
    assert isinstance(found, Checked), found
    assert [hook.name for hook in found.config.webhook] == ["duty-phone"]
    assert found.config.broker.ca_file == installation / "secrets" / "ca.crt"


def test_the_example_shows_every_key_and_no_secret() -> None:
    document = tomllib.loads(uncommented((DEPLOY / "shouwang.toml").read_text()))
    parts: list[tuple[type[BaseModel | BaseSettings], dict[str, object]]] = [
        (Config, document),
        (BrokerConfig, document["broker"]),
        (DatabaseConfig, document["database"]),
        (ApiConfig, document["api"]),
        (WebhookConfig, document["webhook"][0]),
    ]
    for model, table in parts:
        assert set(table) == set(model.model_fields) - _NEVER, model.__name__


def test_the_rota_of_the_example_leaves_no_gap(installation: Path) -> None:
    found = check(installation / "shouwang.toml")
    assert isinstance(found, Checked), found
    duty = found.duty.duty(found.registry)
    newyear = 1_798_732_800_000  # 2027-01-01
    assert duty.gaps(newyear, newyear + 60 * 86_400_000) == []
    assert duty.on_duty("manager", ["bed-101-1", "room-101", "building-1", "home-1"], newyear) == ("zhou",)
    assert [one.id for one in found.duty.assurances] == ["night"]


def test_the_broker_sends_no_message_twice() -> None:
    # What two subscriptions of two connections match would come over both.
    documented = tomllib.loads(uncommented((DEPLOY / "shouwang.toml").read_text()))["broker"]
    named = {name: documented[name] for name in ("topics", "life_safety_topics")}
    for broker in (BrokerConfig(), BrokerConfig.model_validate(named)):
        for urgent in broker.life_safety_topics:
            for other in broker.topics:
                assert not overlap(urgent, other), (urgent, other)
        native = [topic for topic in broker.topics if topic.startswith("shouwang/")]
        vendors = [topic for topic in broker.topics if topic not in native]
        assert [(one, other) for one in native for other in vendors if overlap(one, other)] == []


def test_overlapping_filters_would_be_noticed() -> None:
    assert overlap("a/+", "+/b")
    assert overlap("a/b", "a/#")
    assert not overlap("a/b", "a/c")
    assert not overlap("a", "a/b")


def test_the_registry_and_the_acl_name_the_site_of_the_configuration() -> None:
    site = tomllib.loads((DEPLOY / "shouwang.toml").read_text())["site"]
    sites = set(re.findall(r"shouwang/v1/([^/]+)/", (DEPLOY / "mosquitto" / "acl").read_text()))
    assert sites == {site, "+"}
    header, *devices = (DEPLOY / "example" / "devices.csv").read_text().splitlines()
    column = header.split(",").index("site")
    assert {device.split(",")[column] for device in devices} == {site}


def test_the_acl_lets_the_gateway_speak_for_every_device_behind_it() -> None:
    header, *rows = (DEPLOY / "example" / "devices.csv").read_text().splitlines()
    devices = [dict(zip(header.split(","), row.split(","), strict=True)) for row in rows]
    behind = {device["id"] for device in devices if device["gateway"] == "gateway-1"}
    acl = (DEPLOY / "mosquitto" / "acl").read_text()
    section = acl.split("user gateway-1\n")[1].split("\n\n")[0]
    assert set(re.findall(r"topic write shouwang/v1/home-1/([^/]+)/\+", section)) == behind
