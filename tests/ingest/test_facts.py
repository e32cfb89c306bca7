"""What messages teach: kept, with its place in the journal, bounded, and nothing taught twice."""

from hypothesis import given
from hypothesis import strategies as st

from devices.reading import Learned
from devices.registry import Device, Registry
from ingest.facts import MAX_FACTS, Fact, Facts

REGISTRY = Registry.of(devices=[Device("bed-1", model="registered")])


def test_a_learned_model_comes_before_the_registered_one() -> None:
    facts = Facts(REGISTRY)
    assert facts.models("bed-1") == ("registered",)
    facts.learn(5, [Learned("bed-1", "model", "told")])
    assert facts.models("bed-1") == ("told", "registered")
    assert facts.before(5).models("bed-1") == ("registered",)  # the teaching message did not know it yet
    assert facts.before(6).models("bed-1") == ("told", "registered")


def test_what_is_known_already_is_not_new() -> None:
    facts = Facts(REGISTRY)
    assert facts.learn(1, [Learned("t", "family", "homeassistant")]) == [
        Fact("t", "family", 1, "homeassistant")
    ]
    assert facts.learn(2, [Learned("t", "family", "homeassistant")]) == []
    assert facts.changed() == [Fact("t", "family", 1, "homeassistant")]
    assert facts.changed() == []


def test_an_empty_value_takes_a_fact_back() -> None:
    facts = Facts(REGISTRY, [Fact("t", "family", 1, "homeassistant")])
    assert facts.about("family") == ["t"]
    facts.learn(2, [Learned("t", "family", "")])
    assert facts.fact("t", "family") == ""
    assert facts.about("family") == []
    assert facts.before(2).fact("t", "family") == "homeassistant"


def test_what_is_too_long_to_keep_takes_back_what_was_known() -> None:
    facts = Facts(REGISTRY, [Fact("node", "metrics", 1, "born")])
    assert facts.learn(2, [Learned("node", "metrics", "x" * 65_537)]) == [Fact("node", "metrics", 2, "")]
    assert facts.fact("node", "metrics") == ""
    assert facts.refused == 1


def test_there_is_an_end_to_what_is_kept() -> None:
    facts = Facts(REGISTRY)
    assert facts.learn(1, [Learned("t", "entity", "x" * 65_537)]) == []
    assert facts.learn(1, [Learned("t" * 513, "entity", "x")]) == []
    assert len(facts.learn(1, [Learned(str(n), "model", "m") for n in range(MAX_FACTS + 10)])) == MAX_FACTS
    assert facts.refused == 12
    assert facts.learn(2, [Learned("0", "model", "another")])  # what is known may still change


def test_what_is_replaced_or_taken_back_makes_room() -> None:
    """Else a house whose devices announce themselves anew each day can teach nothing after some years."""
    facts = Facts(REGISTRY)
    for seq in range(1, 1000):
        facts.learn(seq, [Learned("a" * 500, "family", f"{seq % 2}"), Learned(str(seq), "model", "m")])
        facts.learn(seq, [Learned(str(seq - 1), "model", "")])
        facts.forget(seq)
    assert facts.size == (2, 500 + 1 + 3 + 1)


def test_what_there_is_no_room_for_takes_back_what_it_was_to_replace() -> None:
    """A birth that cannot be kept: its numbers must not be read by the birth before."""
    facts = Facts(REGISTRY, [Fact("edge", "metrics", 1, "1=temperature")])
    seq = 1
    birth = Learned("edge", "metrics", "1=sos" * 13_000)
    while not facts.refused:
        seq += 1
        facts.learn(seq, [Learned("greedy", "metrics", f"{seq:065000}")])
    facts.learn(seq, [birth])
    assert facts.fact("edge", "metrics") == ""
    assert facts.before(seq).fact("edge", "metrics") == "1=temperature"
    assert facts.learn(seq + 1, [birth]) == []
    facts.forget(seq)
    assert facts.learn(seq + 2, [birth])


_LESSONS = st.lists(st.tuples(st.integers(1, 9), st.sampled_from("ab"), st.sampled_from(["", "x", "y"])))


@given(_LESSONS, st.integers(0, 9))
def test_every_entry_finds_what_it_found(lessons: list[tuple[int, str, str]], stored: int) -> None:
    """However often versions are forgotten, after a restart from what the checkpoint kept, in any order."""
    facts = Facts(REGISTRY)
    for seq, about, value in lessons:  # those about life go first
        facts.learn(seq, [Learned(about, "f", value)], ahead=True)
    lessons.sort(key=lambda lesson: lesson[0])
    again = Facts(REGISTRY, facts.changed())
    facts.forget(stored)
    for seq in range(stored + 1, 11):
        for about in "ab":
            true = [value for learned, who, value in lessons if who == about and learned < seq]
            assert facts.before(seq).fact(about, "f") == (true[-1] if true else "")
            assert again.before(seq).fact(about, "f") == (true[-1] if true else "")


def test_nobody_teaches_a_registered_call_button_to_be_something_else() -> None:
    """One message in its name must not silence it; a device without calls is what it says it is."""
    registry = Registry.of(
        devices=[
            Device("pull-cord", model="Tuya TS0215A_sos", calls=True),
            Device("sensor", model="Tuya TS0215A_sos"),
            Device("nameless", model="no such model", calls=True),
        ]
    )
    facts = Facts(registry)
    for device in ("pull-cord", "sensor", "nameless"):
        facts.learn(1, [Learned(device, "model", "DS18B20")])
    assert facts.models("pull-cord") == ("Tuya TS0215A_sos",)
    assert facts.before(2).models("pull-cord") == ("Tuya TS0215A_sos",)
    assert facts.models("sensor") == ("DS18B20", "Tuya TS0215A_sos")
    assert facts.models("nameless") == ("DS18B20", "no such model")
