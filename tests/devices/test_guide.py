"""The connect guide: of every family what an installer needs, and what the catalogue says of the models."""

import base64
import re
import shlex
from pathlib import Path

import pytest

from devices.catalogue import ENTRIES, Entry
from devices.decode import decode
from devices.families import FAMILIES
from devices.guide import CONNECT, families_of, guide, published, tells
from devices.message import Message
from devices.metrics import METRICS
from devices.reading import Decoded, Models
from ingest.config import BrokerConfig
from tests.topics import matches

ROOT = Path(__file__).parents[2]
README = ROOT / "devices" / "README.md"
PAGES = ("README.md", "README.zh-CN.md", "devices/README.md", "deploy/README.md")
LINES = (
    *("id in the registry", "topic", "broker account", "switch on", "when it is silent", "watch out"),
    *("登记的编号", "主题", "MQTT 账号", "要打开的设置", "没有消息时", "注意", "try 试一试"),
)


def test_the_guide_in_the_repository_is_the_one_that_is_made() -> None:
    assert README.read_text("utf-8") == guide(), "make guide"


def test_every_family_is_in_it_in_both_languages() -> None:
    written = guide()
    for name in FAMILIES:
        section = written.split(f"(`{name}`)\n", 1)[1].split("\n### ", 1)[0]
        assert all(f"- **{line}**" in section for line in LINES)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_entry_tells_of_metrics_unless_it_has_nothing_for_us(entry: Entry) -> None:
    assert tells(entry) or not any(example.says for example in entry.examples)  # known, and of no use to us
    assert set(tells(entry)) <= set(METRICS)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_message_to_try_is_understood_and_of_a_device_whose_id_is_explained(family: str) -> None:
    *before, publish = published(CONNECT[family]["try"]).split(" | ")
    words = shlex.split(publish)
    assert words[:2] == ["mosquitto_pub", "-t"]
    payload = base64.b64decode(shlex.split(before[0])[1]) if before else words[4].encode()
    said = decode(Message(words[2], payload, 1_790_000_000_000), Models())
    assert isinstance(said, Decoded)
    assert (said.family, said.left, said.rejected) == (family, (), ())
    assert said.readings
    for reading in said.readings:
        assert f"`{reading.device}`" in CONNECT[family]["en"]["id"]
        assert f"`{reading.device}`" in CONNECT[family]["zh"]["id"]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_message_to_try_is_read_where_the_configuration_says_nothing(family: str) -> None:
    broker = BrokerConfig()
    topic = CONNECT[family]["try"]["topic"]
    assert any(matches(one, topic) for one in (*broker.life_safety_topics, *broker.topics))


def test_every_table_of_models_is_linked_from_a_family() -> None:
    assert all(families_of(entry.dialect) for entry in ENTRIES)


def test_the_tables_are_tables() -> None:
    """Of as many cells in every row as in the header, and none of them open."""
    rows = [line for line in guide().splitlines() if line.startswith("|")]
    assert len(rows) == len(ENTRIES) + 2 * len({entry.dialect for entry in ENTRIES})
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {8}
    assert all(row.count("<details>") == row.count("</details>") for row in rows)


def test_every_model_and_every_word_for_one_is_in_the_guide() -> None:
    written = [re.split(r"(?<!\\)\|", line) for line in guide().splitlines() if line.startswith("| ")]
    for entry in ENTRIES:
        spoken = f" {', '.join(entry.spoken)} " if entry.spoken else "  "
        cells = [row[2] for row in written if row[1] == f" {entry.name} " and row[3] == spoken]
        models = [model.replace("|", "\\|").replace("<", "&lt;") for model in entry.models]
        assert any(all(model in cell for model in models) for cell in cells)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Relative links to files that are there, and within a page to a place in it."""
    text = (ROOT / page).read_text("utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL))
    for link in links:
        path, _, anchor = link.partition("#")
        if path.startswith(("http:", "https:", "mailto:")):
            continue
        assert not path or (ROOT / page).parent.joinpath(path).exists(), link
        assert path or f'id="{anchor}"' in text or anchor in _headings(text), link


def _headings(text: str) -> set[str]:
    """The anchors that GitHub makes of headings."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
