"""`shouwang models`: what is known of a model, as the catalogue says."""

import orjson
import pytest

from devices.catalogue import ENTRIES
from tests.commands.program import called


def names(*words: str) -> list[str]:
    answer = called("models", "--json", *words)
    assert answer.code == 0, answer.err
    return [orjson.loads(line)["device"] for line in answer.out.splitlines()]


def test_a_model_is_found_in_all_families_that_know_it() -> None:
    answer = called("models", "MCCGQ11LM", "--json")
    found = [orjson.loads(line) for line in answer.out.splitlines()]
    assert {"tasmota", "xiaomi-gateway3", "zigbee2mqtt"} <= {
        name for one in found for name in one["families"]
    }
    assert all("MCCGQ11LM" in one["models"] for one in found)
    assert all("battery" in one["tells"] for one in found)


def test_letter_case_and_the_makers_name_make_no_difference() -> None:
    assert set(names("mccgq11lm")) == set(names("MCCGQ11LM")) <= set(names("Aqara MCCGQ11LM"))


def test_all_words_must_fit() -> None:
    (found,) = called("models", "sos", "huawei", "--json").out.splitlines()
    one = orjson.loads(found)
    assert "huawei-iotda" in one["families"]
    assert one["models"] == []
    assert "sos" in one["words"]


def test_without_a_word_everything_is_listed() -> None:
    assert names() == [entry.name for entry in ENTRIES]


def test_the_table_says_what_to_write_and_what_it_can_tell() -> None:
    said = called("models", "TBPB100").out.decode()
    for expected in ("TBPB100", "chirpstack4", "button_press"):
        assert expected in said


@pytest.mark.parametrize("word", ["nosuchmodel", "[bold]nosuch", "\x1b[31mnosuch"])
def test_an_unknown_model_is_said_to_be_one(word: str) -> None:
    answer = called("models", word)
    assert answer.code == 1
    assert answer.out == b""
    assert "nosuch" in answer.err
    assert "shouwang models door" in answer.err
    assert "\x1b[31m" not in answer.err
