"""Whose an observation is and where: the registry of the resident, the place, the device, its site."""

from dataclasses import replace

import pytest

from devices.message import Message
from devices.normalise import normalise
from devices.reading import Decoded, Reading, Reason
from devices.registry import Device, Place, PlaceKind, Registry, Resident
from tests.devices.fates import NOW, normalised

_HOME = Registry.of(
    [
        Place("s", PlaceKind.SITE),
        Place("r1", PlaceKind.ROOM, parent="s"),
        Place("b1", PlaceKind.BED, parent="r1"),
        Place("r2", PlaceKind.ROOM, parent="s"),
        Place("b2", PlaceKind.BED, parent="r2"),
        Place("b3", PlaceKind.BED, parent="r2"),
        Place("hall", PlaceKind.ROOM, parent="s"),
    ],
    [Resident("ann", "b1"), Resident("bob", "b2"), Resident("cho", "b3")],
    [
        Device("band", resident="ann"),
        Device("lent", resident="ann", place="hall"),
        Device("moved-out", resident="gone"),
        Device("bed-1", place="b1"),
        Device("bed-2", place="b2"),
        Device("radar-1", place="r1"),
        Device("radar-2", place="r2"),
        Device("hall-motion", place="hall"),
        Device("front-door", place="s"),
        Device("spare"),
        Device("twin", resident="ann", site="home-1"),
        Device("twin", resident="bob", site="home-2"),
        Device("local", resident="cho", site="home-2"),
        Device("either", resident="ann"),
        Device("either", resident="bob", site="home-2"),
    ],
)


class TestWhose:
    """Whose an observation is, and where."""

    @pytest.mark.parametrize(
        ("device", "resident", "place"),
        [
            ("band", "ann", "b1"),
            ("lent", "ann", "hall"),
            ("moved-out", "gone", ""),
            ("bed-1", "ann", "b1"),
            ("bed-2", "bob", "b2"),
            ("radar-1", "ann", "r1"),
            ("radar-2", "", "r2"),  # two live there
            ("hall-motion", "", "hall"),  # nobody does
            ("front-door", "", "s"),
            ("spare", "", ""),
            ("never-heard-of", "", ""),
        ],
    )
    def test_binding(self, device: str, resident: str, place: str) -> None:
        observation = normalised(Reading(device, "motion", True), registry=_HOME).observations[0]
        assert (observation.resident, observation.place) == (resident, place)

    @pytest.mark.parametrize(
        ("device", "site", "resident"),
        [
            ("twin", "home-1", "ann"),
            ("twin", "home-2", "bob"),
            ("twin", "home-3", ""),
            ("local", "home-2", "cho"),
            ("local", "home-1", ""),
            ("either", "home-2", "bob"),
            ("either", "home-9", "ann"),
        ],
    )
    def test_the_same_id_at_two_sites(self, device: str, site: str, resident: str) -> None:
        reading = Reading(device, "sos", True)
        told = normalise(Decoded("native", (reading,), site), Message("t", b"", NOW), _HOME, "elsewhere")
        assert (told.observations[0].resident, told.observations[0].site) == (resident, site)
        ours = normalise(Decoded("z2m", (reading,)), Message("t", b"", NOW), _HOME, site)
        assert (ours.observations[0].resident, ours.observations[0].site) == (resident, site)

    def test_several_devices_in_one_message_keep_apart(self) -> None:
        devices = ["bed-1", "bed-2", "bed-1", "spare"]
        fate = normalised(*[Reading(device, "motion", True) for device in devices], registry=_HOME)
        assert [o.resident for o in fate.observations] == ["ann", "bob", "ann", ""]

    def test_a_model_is_known_at_any_site_unless_two_differ(self) -> None:
        registry = Registry.of(
            devices=[
                Device("a", model="WXKG11LM"),
                Device("b", model="MCCGQ11LM", site="home-1"),
                Device("c", model="one", site="home-1"),
                Device("c", model="other", site="home-2"),
            ]
        )
        assert [registry.models(device) for device in "abcd"] == [("WXKG11LM",), ("MCCGQ11LM",), (), ()]

    def test_the_zone_of_a_device_is_that_of_its_place(self) -> None:
        registry = Registry.of(
            [Place("s", PlaceKind.SITE), Place("urumqi", PlaceKind.ROOM, timezone="Asia/Urumqi")],
            [Resident("ann", "urumqi")],
            [
                Device("a", resident="ann"),
                Device("b", place="s"),
                Device("c", place="s", site="home-1"),
                Device("c", place="urumqi", site="home-2"),
            ],
        )
        assert [registry.clock_zone(device) for device in "abcd"] == ["Asia/Urumqi", "Asia/Shanghai", "", ""]
        moved = replace(registry, zone="Europe/Berlin")  # the service's own, where no place names one
        assert [moved.clock_zone(device) for device in "ab"] == ["Asia/Urumqi", "Europe/Berlin"]


class TestOfWhomASharedDeviceSpeaks:
    """A scanner or a desk belongs to nobody, and names a resident or a place."""

    @pytest.mark.parametrize(
        ("about", "resident", "place"),
        [("bob", "bob", "b2"), ("b3", "cho", "b3"), ("r2", "", "r2"), ("", "", "")],
    )
    def test_whose_it_is(self, about: str, resident: str, place: str) -> None:
        (told,) = normalised(Reading("spare", "visit", value=True, about=about), registry=_HOME).observations
        assert (told.resident, told.place) == (resident, place)

    def test_somebody_unknown_is_told_and_never_taken_for_another(self) -> None:
        result = normalised(Reading("band", "visit", value=True, about="nobody"), registry=_HOME)
        assert not result.observations
        assert [rejected.reason for rejected in result.rejected] == [Reason.UNKNOWN_SUBJECT]

    def test_who_is_not_registered_speaks_of_nobody_but_in_a_call(self) -> None:
        result = normalised(Reading("stranger", "absence", "hospital", about="bob"), registry=_HOME)
        assert [rejected.reason for rejected in result.rejected] == [Reason.UNREGISTERED]
        (call,) = normalised(Reading("stranger", "sos", value=True, about="bob"), registry=_HOME).observations
        assert call.resident == "bob"

    def test_a_call_about_somebody_unknown_is_the_devices_own(self) -> None:
        (told,) = normalised(Reading("band", "sos", value=True, about="nobody"), registry=_HOME).observations
        assert told.resident == "ann"


@pytest.mark.parametrize(
    ("place", "living"),
    [("r1", ["ann"]), ("b2", ["bob"]), ("r2", ["bob", "cho"]), ("hall", []), ("s", []), ("gone", [])],
)
def test_who_lives_at_a_place(place: str, living: list[str]) -> None:
    assert list(_HOME.dwellers(place)) == living


def test_the_kitchen_of_a_flat_is_where_all_live_whose_home_is_the_flat() -> None:
    home = Registry.of(
        [
            Place("house", PlaceKind.BUILDING),
            Place("flat", PlaceKind.ROOM, parent="house"),
            Place("kitchen", PlaceKind.ROOM, parent="flat"),
            Place("stairs", PlaceKind.FLOOR, parent="house"),
        ],
        [Resident("an", "flat"), Resident("bo", "flat")],
    )
    assert home.dwellers("kitchen") == ("an", "bo")
    assert home.dwellers("stairs") == ()
