"""Ladder files: what is written is what holds, and what is wrong is told with its line."""

from alerts.ladder import Ladder, Step, choose
from alerts.ladder_file import load
from rules.decision import Severity

GOOD = """
[[ladder]]
id = "night-2"
severity = ["high"]
places = ["building-2"]
between = ["21:00", "07:00"]
repeat = "3min"
[[ladder.step]]
to = ["primary"]
channels = ["wecom"]
[[ladder.step]]
after = "30s"
to = ["second", "person:s-9"]
channels = ["wecom", "phone"]

[[ladder]]
id = "all"
[[ladder.step]]
channels = ["board"]
"""

BAD = """
[[ladder]]
id = "Night"
[[ladder.step]]
after = "soon"
to = ["primary"]

[[ladder]]
id = "day"
severity = ["urgent"]
colour = "red"
between = ["07:00", "7:00"]

[[ladder]]
id = "late"
[[ladder.step]]
after = "60s"
channels = ["pigeon"]
[[ladder.step]]
after = "30s"
[[ladder]]
id = "high"
places = ["moon"]
[[ladder.step]]
to = ["boss", "person:s-9"]
channels = ["pigeon"]

[lader]
"""


def test_what_is_written_holds() -> None:
    loaded = load(GOOD, channels={"wecom", "phone", "board"}, places={"building-2"}, people={"s-9"})
    night, everywhere = loaded
    assert night == Ladder(
        "night-2",
        (Step(0, ("primary",), ("wecom",)), Step(30_000, ("second", "person:s-9"), ("wecom", "phone"))),
        180_000,
        frozenset({Severity.HIGH}),
        frozenset({"building-2"}),
        (1260, 420),
    )
    assert isinstance(loaded, tuple)
    places = ("bed-1", "room-1", "building-2", "site")
    assert choose(loaded, Severity.HIGH, places, 22 * 60) == night
    assert choose(loaded, Severity.HIGH, places, 0) == night
    assert choose(loaded, Severity.HIGH, places, 12 * 60) == everywhere
    assert choose(loaded, Severity.LOW, places, 0) == everywhere
    assert choose(loaded, Severity.HIGH, ("building-1", "site"), 0) == everywhere


def test_the_nearest_place_wins_and_of_one_place_the_first() -> None:
    steps = (Step(0),)
    ladders = tuple(
        Ladder(name, steps, 60_000, places=frozenset(at))
        for name, at in [("site", {"site"}), ("a", {"room"}), ("b", {"room"}), ("any", set[str]())]
    )
    for order in (ladders, ladders[1:] + ladders[:1]):
        found = choose(order, Severity.HIGH, ("bed", "room", "site"), 0)
        assert found is not None
        assert found.id == "a"
    assert choose(ladders[3:] + ladders[:1], Severity.HIGH, ("site",), 0) == ladders[0]


def test_everything_that_is_wrong_is_told_at_once_with_its_line() -> None:
    problems = load(BAD, channels={"wecom"}, places={"building-2"}, roles={"primary"}, people=set())
    assert isinstance(problems, list)
    told = [(problem.line, problem.message) for problem in problems]
    assert [line for line, _ in told] == sorted(line for line, _ in told)
    for line, words in [
        (3, "id"),
        (5, '"90s"'),
        (10, "severity"),
        (11, "unknown key"),
        (12, '"09:30"'),
        (16, "in order of `after`"),
        (22, "is taken"),
        (23, "moon"),
        (25, "boss"),
        (25, "s-9"),
        (26, "pigeon"),
        (28, "lader"),
    ]:
        assert any(at == line and words in message for at, message in told), (line, words, told)


def test_what_is_no_toml_is_told() -> None:
    (problem,) = load("[[ladder]\n")  # type: ignore[misc]
    assert "not TOML" in problem.message
