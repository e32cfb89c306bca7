"""Prometheus and Grafana: every query asks for metrics, labels and values that the service really has."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest.metrics import Metrics
from tests.deploy.folder import DEPLOY

_RULES = DEPLOY / "prometheus" / "rules.yml"
_DASHBOARD = DEPLOY / "grafana" / "dashboards" / "shouwang.json"
_PROVISIONING = DEPLOY / "grafana" / "provisioning"
_OURS = re.compile(r"\b(shouwang_\w+)(?:\{([^}]*)\})?")
_ENDINGS = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}


def _alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(_RULES.read_text())["groups"]
    alerts: list[dict[str, Any]] = group["rules"]
    return alerts


def _panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads(_DASHBOARD.read_text())["panels"]
    return panels


def _queries() -> Iterator[str]:
    yield from (alert["expr"] for alert in _alerts())
    yield from (target["expr"] for panel in _panels() for target in panel["targets"])


def _series() -> dict[str, tuple[set[str], str]]:
    """Each series of the service: its labels, and what its metric says of itself."""
    found: dict[str, tuple[set[str], str]] = {}
    for metric in vars(Metrics()).values():
        if hasattr(metric, "describe"):
            for family in metric.describe():
                for ending in _ENDINGS[family.type]:
                    labels = set(metric._labelnames) | ({"le"} if ending == "_bucket" else set())
                    found[family.name + ending] = labels, family.documentation
    return found


def test_all_kinds_of_series_are_known() -> None:
    series = _series()
    assert series["shouwang_messages_received_total"][0] == {"lane"}
    assert series["shouwang_up"][0] == {"part"}
    assert series["shouwang_latency_seconds_bucket"][0] == {"stage", "le"}


@pytest.mark.parametrize("query", sorted(set(_queries())))
def test_a_query_asks_for_what_exists(query: str) -> None:
    series = _series()
    asked = _OURS.findall(query)
    assert asked or 'job="shouwang"' in query
    labels: set[str] = set()
    for name, matchers in asked:
        assert name in series, name
        has, documentation = series[name]
        labels |= has
        for label, value in re.findall(r'(\w+)\s*=~?\s*"([^"]*)"', matchers):
            assert label in has, (name, label)
            assert re.search(rf"\b{value}\b", documentation), f"{name} says nothing of {label}={value}"
    for by in re.findall(r"\bby \(([^)]*)\)", query):
        assert {label.strip() for label in by.split(",")} <= labels


def test_dashboard_legends_and_alert_texts_use_labels_that_the_query_leaves() -> None:
    texts = [(alert["expr"], str(alert["annotations"])) for alert in _alerts()]
    texts += [(target["expr"], target["legendFormat"]) for p in _panels() for target in p["targets"]]
    series = _series()
    for query, text in texts:
        left = [set(re.findall(r"\w+", by)) - {"le"} for by in re.findall(r"\bby \(([^)]*)\)", query)]
        whole = [series[name][0] for name, _ in _OURS.findall(query)]
        for label in re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", text):
            assert label in set().union(*(left or whole)), (query, label)


def test_a_counter_is_always_asked_for_its_growth() -> None:
    for query in _queries():
        bare = re.sub(r"(?:rate|increase)\(\w+(?:\{[^}]*\})?\[[^\]]+\]\)", "", query)
        # "was it there before": the only other thing to ask a counter
        bare = re.sub(r"\((\w+_total\{[^}]*\}) unless \1 offset \w+\)", "", bare)
        assert not re.search(r"_(?:total|bucket|sum|count)\b", bare), query


def test_each_alert_says_how_grave_it_is_and_what_to_do() -> None:
    alerts = _alerts()
    names = [alert["alert"] for alert in alerts]
    assert len(set(names)) == len(names)
    for alert in alerts:
        assert re.fullmatch(r"Shouwang[A-Z]\w+", alert["alert"])
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["annotations"]["summary"].endswith(".")
        assert len(alert["annotations"]["description"]) > 100, alert["alert"]


def test_what_the_operator_must_know_has_an_alert() -> None:
    conditions = " ".join(alert["expr"] for alert in _alerts())
    for part in ("broker", "journal", "database"):
        assert f'shouwang_up{{part="{part}"}} == 0' in conditions
    for metric in (
        'absent(up{job="shouwang"})',
        "shouwang_messages_unstored",
        'fate="quarantined"',
        "shouwang_deliveries_waiting",
        'outcome="failed"',
        "shouwang_rule_failures_total",
        "shouwang_latency_seconds_bucket",
        "shouwang_synthetic_last_success_timestamp_seconds",
        "shouwang_motion_windows_total",
    ):
        assert metric in conditions, metric


def test_prometheus_asks_the_service_under_the_name_the_rules_know() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert jobs["shouwang"] == ["shouwang:8080"]
    assert [(DEPLOY / "prometheus" / name).exists() for name in config["rule_files"]] == [True]


def test_the_dashboard_s_panels_have_a_title_a_meaning_and_a_place_of_their_own() -> None:
    panels = _panels()
    assert len({panel["id"] for panel in panels}) == len(panels) == len({panel["title"] for panel in panels})
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["description"]
        assert panel["targets"]
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_texts_name_panels_and_alerts_that_exist() -> None:
    titles = {panel["title"] for panel in _panels()}
    descriptions = " ".join(alert["annotations"]["description"] for alert in _alerts())
    quoted = set(re.findall(r'"([^"]+)"', descriptions))
    assert quoted
    assert quoted <= titles
    names = {alert["alert"] for alert in _alerts()}
    others = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text() + descriptions
    assert set(re.findall(r"\bShouwang[A-Z]\w+", others)) <= names


def test_grafana_finds_its_source_and_its_dashboard() -> None:
    (source,) = yaml.safe_load((_PROVISIONING / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    uids = {panel["datasource"]["uid"] for panel in _panels()}
    uids |= {target["datasource"]["uid"] for panel in _panels() for target in panel["targets"]}
    assert uids == {source["uid"]}
    (provider,) = yaml.safe_load((_PROVISIONING / "dashboards" / "shouwang.yaml").read_text())["providers"]
    grafana = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["grafana"]
    folders = dict(volume.split(":")[:2] for volume in grafana["volumes"])
    assert folders["./grafana/dashboards"] == provider["options"]["path"]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home == Path(provider["options"]["path"]) / _DASHBOARD.name


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool on PATH")
@pytest.mark.parametrize(
    "words",
    [
        ["check", "config", DEPLOY / "prometheus" / "prometheus.yml"],
        ["check", "rules", _RULES],
        ["test", "rules", Path(__file__).with_name("rules_test.yml")],
    ],
    ids=["config", "rules", "behaviour"],
)
def test_promtool_finds_nothing_wrong(words: list[str | Path]) -> None:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
