"""Compose and Dockerfile: pinned images, closed doors, no name of a file, volume or secret that is none."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.folder import DEPLOY, REPOSITORY

_COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
_SERVICES: dict[str, dict[str, Any]] = _COMPOSE["services"]
_TAG = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+\.\d+[a-z0-9.-]*")


def _instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    joined = text.replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def _of(instruction: str) -> list[str]:
    return [argument for name, argument in _instructions() if name == instruction]


def test_the_five_services_are_there() -> None:
    assert set(_SERVICES) == {"timescaledb", "mosquitto", "shouwang", "prometheus", "grafana"}


def test_images_are_pinned_to_a_full_version() -> None:
    images = [service["image"] for service in _SERVICES.values() if "build" not in service]
    bases = [base.split()[0] for base in _of("FROM")]
    assert len(images) == 4
    for image in [*images, *bases]:
        assert _TAG.fullmatch(image), image


def test_only_the_devices_listener_is_open_to_other_machines() -> None:
    published = [(name, port) for name, service in _SERVICES.items() for port in service.get("ports", [])]
    assert [(name, port) for name, port in published if not port.startswith("127.0.0.1:")] == [
        ("mosquitto", "1883:1883")
    ]
    assert "timescaledb" not in dict(published)


def test_every_file_mounted_is_there() -> None:
    mounted = [
        volume.split(":")
        for service in _SERVICES.values()
        for volume in service["volumes"]
        if volume.startswith(".")
    ]
    assert len(mounted) == 7
    for source, _, mode in mounted:
        assert (DEPLOY / source).exists(), source
        assert mode == "ro", source
    build = _SERVICES["shouwang"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"


def test_named_volumes_networks_and_dependencies_are_declared_and_used() -> None:
    volumes = {v.split(":")[0] for s in _SERVICES.values() for v in s["volumes"] if not v.startswith(".")}
    assert volumes == set(_COMPOSE["volumes"])
    assert {n for s in _SERVICES.values() for n in s["networks"]} == set(_COMPOSE["networks"])
    for name, service in _SERVICES.items():
        for other in service.get("depends_on", {}):
            assert other in _SERVICES, name


def test_only_the_service_reaches_the_database() -> None:
    assert {name for name, s in _SERVICES.items() if "database" in s["networks"]} == {
        "timescaledb",
        "shouwang",
    }
    assert _SERVICES["timescaledb"]["networks"] == ["database"]
    assert _COMPOSE["networks"]["database"]["internal"] is True


def test_each_secret_is_a_file_that_make_secrets_makes(installation: Path) -> None:
    used = {
        s["source"] if isinstance(s, dict) else s for v in _SERVICES.values() for s in v.get("secrets", [])
    }
    assert used == set(_COMPOSE["secrets"])
    for name, secret in _COMPOSE["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
        assert (installation / "secrets" / name).is_file()


def test_no_environment_variable_holds_a_secret() -> None:
    for service in _SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN|SECRET|KEY", key):
                assert value.removeprefix("/run/secrets/") in service["secrets"], key


def test_the_service_finds_configuration_and_secrets_where_the_container_has_them() -> None:
    service = _SERVICES["shouwang"]
    there = {volume.split(":")[1] for volume in service["volumes"]}
    there |= {secret["target"] for secret in service["secrets"]}
    text = (DEPLOY / "shouwang.toml").read_text()
    config = tomllib.loads(text)
    files = re.findall(r'"(secrets/(?!ca|shouwang)\w+)"', text)
    assert len(files) == 4
    for file in files:
        assert f"/etc/shouwang/{file}" in there
    for file in (config["rules"], *config["registry"]):
        assert f"/etc/shouwang/{Path(file).parent}" in there
    assert config["data"] in there
    (command,) = _of("CMD")
    assert yaml.safe_load(command)[-1] in there
    assert config["broker"]["url"] == "mqtt://mosquitto:1884"


@pytest.mark.parametrize("name", sorted(_SERVICES))
def test_each_service_comes_back_and_can_tell_its_health(name: str) -> None:
    service = _SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert "no-new-privileges:true" in service["security_opt"]
    assert "healthcheck" in service or ("build" in service and _of("HEALTHCHECK"))


def test_the_service_is_not_held_up_by_its_database() -> None:
    # DESIGN section 3: a dead database stops neither intake nor alerts.
    assert _SERVICES["shouwang"]["depends_on"] == {
        "mosquitto": {"condition": "service_healthy"},
        "timescaledb": {"condition": "service_started"},
    }


def test_nothing_calls_home() -> None:
    assert _SERVICES["timescaledb"]["environment"]["TIMESCALEDB_TELEMETRY"] == "off"
    grafana = _SERVICES["grafana"]["environment"]
    assert grafana["GF_ANALYTICS_REPORTING_ENABLED"] == "false"
    assert grafana["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"


def test_the_image_runs_as_a_user_with_a_fixed_number_who_owns_the_state() -> None:
    last_stage = _instructions()[[name for name, _ in _instructions()].index("COPY") :]
    assert [argument for name, argument in last_stage if name == "USER"] == ["shouwang"]
    run = _of("RUN")[-1]
    assert "--uid 10001" in run
    assert "--owner shouwang --group shouwang --mode 0700 /var/lib/shouwang" in run
    assert _of("VOLUME") == ["/var/lib/shouwang"]
    names = [name for name, _ in _instructions()]
    assert names.index("USER") > len(names) - 1 - names[::-1].index("RUN")


def test_the_image_is_healthy_when_healthz_answers_on_the_configured_port() -> None:
    (health,) = _of("HEALTHCHECK")
    port = tomllib.loads((DEPLOY / "shouwang.toml").read_text())["api"]["port"]
    command = yaml.safe_load(health[health.index("CMD ") + 4 :])
    assert command[:2] == ["python", "-c"]
    compile(command[2], "HEALTHCHECK", "exec")
    assert f"'http://127.0.0.1:{port}/healthz'" in command[2]
    assert _of("EXPOSE") == [str(port)]


def test_the_image_starts_the_program() -> None:
    (entry,), (command,) = _of("ENTRYPOINT"), _of("CMD")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load(entry)[0] in project["scripts"]
    assert yaml.safe_load(command) == ["run", "--config", "/etc/shouwang/shouwang.toml"]
    assert _of("STOPSIGNAL") == ["SIGTERM"]


def test_the_image_copies_what_is_there_and_every_package() -> None:
    copied = [word for line in _of("COPY") if not line.startswith("--") for word in line.split()[:-1]]
    for name in copied:
        assert (REPOSITORY / name).exists(), name
    find = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"][
        "find"
    ]
    assert {pattern.removesuffix("*") for pattern in find["include"]} <= set(copied)
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert set(copied) == {line[1:] for line in ignored if line.startswith("!")}
    assert ignored[1] == "*"


def test_every_package_of_the_image_has_its_version() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    pinned = {
        line.split("==")[0].replace("_", "-").lower()
        for line in (REPOSITORY / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    for dependency in project["dependencies"]:
        assert re.split(r"[\[<>=]", dependency)[0].replace("_", "-").lower() in pinned, dependency
    installs = [
        command for run in _of("RUN") for command in run.split("&&") if re.search(r"pip\s+install", command)
    ]
    assert len(installs) == 3
    for command in installs:
        words = shlex.split(command)
        assert "constraints.txt" in words or "--no-deps" in words or any("==" in word for word in words)
        assert not {"-i", "--index-url", "--extra-index-url", "--trusted-host"} & set(words)


_HOSTS = {"127.0.0.1", "prometheus", "mosquitto", "phone.example.org", "shouwang.home.example"}


def test_no_file_names_an_address_to_fetch_from() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file() and path.parent.name != "secrets" and path.suffix != ".pyc":
            for host in re.findall(r"(?:https?|mqtts?)://([^/:\s\"'\[]+)", path.read_text()):
                assert host in _HOSTS, path
