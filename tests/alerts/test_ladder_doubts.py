"""Who cannot be told by the channel that a ladder names is known before somebody calls."""

from alerts.duty_file import DutyFile
from alerts.duty_file import load as load_duty
from alerts.ladder import Ladder
from alerts.ladder_doubts import unreachable
from alerts.ladder_file import load
from devices.registry import Registry
from devices.registry_files import read

DUTY = """
[[person]]
id = "an"
addresses = { ntfy = "an" }
[[person]]
id = "bo"
[[person]]
id = "zhou"
[[shift]]
id = "night"
role = "primary"
places = ["b-1"]
from = "20:00"
to = "08:00"
since = 2026-01-01
people = ["an", ["bo", "an"]]
[[shift]]
id = "office"
role = "manager"
places = ["b-1"]
from = "08:00"
to = "20:00"
since = 2026-01-01
people = ["zhou"]
"""
NIGHT = """
[[ladder]]
id = "night"
severity = ["high"]
between = ["21:00", "07:00"]
[[ladder.step]]
to = ["primary"]
channels = ["push"]
"""


def registry() -> Registry:
    found = read([("places", "id,kind\nb-1,building\n")])
    assert isinstance(found, Registry)
    return found


def ladders(text: str) -> tuple[Ladder, ...]:
    found = load(text)
    assert isinstance(found, tuple)
    return found


def duty() -> DutyFile:
    found = load_duty(DUTY, registry())
    assert isinstance(found, DutyFile)
    return found


def test_who_lacks_the_address_that_a_channel_asks_for_is_named() -> None:
    (said,) = unreachable(ladders(NIGHT), duty(), {"push": ["ntfy"], "phone": ["phone"]})
    assert "channel push cannot tell bo: no address of kind ntfy" in said


def test_only_who_is_told_by_it_must_have_an_address() -> None:
    named = NIGHT.replace('"primary"', '"person:zhou"')
    (said,) = unreachable(ladders(named), duty(), {"push": ["ntfy"]})
    assert "cannot tell zhou:" in said
    everybody = NIGHT.replace('"primary"', '"all"')
    (said,) = unreachable(ladders(everybody), duty(), {"push": ["ntfy"]})
    assert "cannot tell bo, zhou:" in said
    assert not [*unreachable(ladders(NIGHT), duty(), {"push": []})]
