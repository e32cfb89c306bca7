"""Registry files: what people and spreadsheets write is read whole, or each mistake is told with its line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.registry import (
    CareLevel,
    Device,
    Oxygen,
    Place,
    PlaceKind,
    Registry,
    Resident,
    Risk,
    RiskLevel,
    Supervision,
    VisitTier,
)
from devices.registry_files import Problem, read, write

_PLACES = "id,kind,parent\nhome,site,\nr1,room,home\nb1,bed,r1\n"


def good(*files: tuple[str, str], base: Registry | None = None) -> Registry:
    found = read(files, base)
    assert isinstance(found, Registry), "\n".join(map(str, found))
    return found


def told(*files: tuple[str, str]) -> list[tuple[str, int]]:
    """(file, line) of each problem."""
    found = read(files)
    assert isinstance(found, list)
    assert all(problem.message for problem in found)
    return [(problem.file, problem.line) for problem in found]


class TestCsv:
    """Tables as spreadsheets save them."""

    def test_three_tables(self) -> None:
        registry = good(
            (
                "devices.csv",
                "id,kind,model,resident,place,calls,supervision\nd1,band,X1,ann,,yes,5h\nd2,radar,,,b1,,\n",
            ),
            ("residents.csv", "id,place,name,care_level,away\nann,b1,安娜,special,true\n"),
            ("places.csv", _PLACES),
        )
        assert registry.residents == {
            "ann": Resident("ann", "b1", "安娜", CareLevel.SPECIAL, away=True),
        }
        assert registry.devices == {
            ("", "d1"): Device("d1", "band", "X1", "ann", calls=True, supervision=Supervision.H5),
            ("", "d2"): Device("d2", "radar", place="b1"),
        }
        assert registry.places["b1"] == Place("b1", PlaceKind.BED, "", "r1")

    @pytest.mark.parametrize(
        ("written", "ms"),
        [
            ("90s", 90_000),
            ("180s", 180_000),
            ("5h", 18_000_000),
            ("25h", 90_000_000),
            ("1min", 60_000),
            ("60 s", 60_000),
            ("10min", 600_000),
            ("1500min", 90_000_000),
            ("", 90_000_000),
        ],
    )
    def test_a_device_may_be_silent_for_as_long_as_is_written(self, written: str, ms: int) -> None:
        device = good(("d.csv", f"id,kind,supervision\nd1,band,{written}\n")).devices["", "d1"]
        assert device.supervision.ms == ms
        assert good(("d.toml", write(Registry.of(devices=[device])))).devices["", "d1"] == device

    @pytest.mark.parametrize(
        "written", ["59s", "0min", "26h", "1501min", "90001s", "5 hours", "10", "h", "-5h", "1.5h", "٥h"]
    )
    def test_silence_is_a_duration_from_a_minute_to_25_hours(self, written: str) -> None:
        text = f"id,kind,supervision\nd1,band,{written}\n"
        assert told(("d.csv", text)) == [("d.csv", 2)]

    def test_what_shows_words_has_a_topic_of_its_own(self) -> None:
        """A wildcard in a topic is refused by the client, and would have ended the service."""
        device = good(("d.csv", "id,site,downlink\nd1,home-1,yes\n")).devices["home-1", "d1"]
        assert device.downlink
        assert good(("d.toml", write(Registry.of(devices=[device])))).devices["home-1", "d1"] == device
        for row in ("a+b,home-1", "#,home-1", "a/b,home-1", "d1,", "d1,home 1", "手表,home-1"):
            assert told(("d.csv", f"id,site,downlink\n{row},yes\n")) == [("d.csv", 2)], row
            assert good(("d.csv", f"id,site,downlink\n{row},no\n"))

    @pytest.mark.parametrize(
        "text",
        [
            "\ufeffid,kind,name\nhome,site,家\n",
            "id,kind,name\r\nhome,site,家\r\n",
            '"id","kind","name"\n"home","site","家"',
            "id , kind , name\n  home ,\tsite , 家 \n",
            "id,kind,name\n\n,,\nhome,site,家\n\n\n",
            "name,id,kind\n家,home,site\n",
            "id,kind,name,parent,timezone\nhome,site,家\n",
        ],
    )
    def test_what_spreadsheets_do(self, text: str) -> None:
        assert good(("p.csv", text)).places == {"home": Place("home", PlaceKind.SITE, "家")}

    def test_quotes(self) -> None:
        registry = good(("p.csv", 'id,kind,name\nhome,site,"East, ""old"" wing"\n'))
        assert registry.places["home"].name == 'East, "old" wing'

    def test_a_line_is_that_of_the_file(self) -> None:
        text = "id,kind\na,site\n\nb,nowhere\n,,\nc,room\nd,nothing\n"
        assert told(("p.csv", text)) == [("p.csv", 4), ("p.csv", 5), ("p.csv", 7)]

    def test_more_cells_than_columns(self) -> None:
        assert told(("p.csv", "id,kind\na,site,x\nb,site\n")) == [("p.csv", 2)]

    @pytest.mark.parametrize(
        "text", ["", "\n", "id,kind,colour\na,site,red\n", "kind,name\nsite,x\n", "a;b\n"]
    )
    def test_a_header_that_fits_no_table(self, text: str) -> None:
        assert told(("p.csv", text)) == [("p.csv", 1)]

    def test_an_unclosed_quote(self) -> None:
        assert told(("p.csv", 'id,kind\n"a,site\n'))[0][0] == "p.csv"

    def test_missing_and_wrong_cells(self) -> None:
        text = "id,place,care_level,away\n,b1,,\nann,,,\nbob,b1,4,\ncho,b1,,perhaps\n" + "x" * 129 + ",b1,,\n"
        assert told(("p.csv", _PLACES), ("r.csv", text)) == [("r.csv", line) for line in (2, 3, 4, 5, 6)]


class TestToml:
    """The same by hand."""

    def test_three_tables(self) -> None:
        text = """
            [[place]]
            id = "home"
            kind = "site"
            timezone = "Asia/Urumqi"
            [[resident]]
            id = 7
            place = "home"
            care_level = 1
            away = true
            [[device]]
            id = "d1"
            resident = "7"
            calls = true
        """
        registry = good(("r.toml", text))
        assert registry.residents["7"] == Resident("7", "home", "", CareLevel.LEVEL_1, away=True)
        assert registry.devices["", "d1"] == Device("d1", resident="7", calls=True)
        assert registry.timezone("home") == "Asia/Urumqi"

    def test_lines(self) -> None:
        text = (
            '# [[place]]\n[[place]]\nid = "a"\nkind = "site" # [[place]]\nname = "two\u2028lines"\n\n'
            '[[ place ]]\nid = "b"\nkind = "castle"\n[[resident]]\nid = "r"\nroom = "a"\n'
        )
        assert told(("r.toml", text)) == [("r.toml", 7), ("r.toml", 10), ("r.toml", 10)]

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("[[place]\n", 1),
            ("\n\nid = \n", 3),
            ("[[animal]]\n", 0),
            ("[place]\nid = 1\n", 0),
            ("place = [1]\n", 0),
            ('[[place]]\nid = 1.5\nkind = "site"\n', 1),
            ('[[place]]\nid = ["a"]\nkind = "site"\n', 1),
            ('[[place]]\nid = "a\\u0000"\nkind = "site"\n', 1),
            ('[[place]]\nid = "a"\nkind = "site"\ntimezone = "Mars/Base"\n', 1),
            ('[[place]]\nid = "a"\nkind = "site"\ntimezone = "../etc/passwd"\n', 1),
            ('[[place]]\nid = "a"\nkind = "site"\ncolour = "red"\n', 1),
        ],
    )
    def test_mistakes(self, text: str, line: int) -> None:
        assert told(("r.toml", text)) == [("r.toml", line)]


class TestWhole:
    """What only shows when all files are together."""

    def test_references_go_across_files_in_any_order(self) -> None:
        files = [
            ("p.csv", _PLACES),
            ("r.csv", "id,place,name\nann,b1,\n"),
            ("d.toml", '[[device]]\nid="d"\nresident="ann"'),
        ]
        assert good(*files) == good(*reversed(files))

    def test_every_reference_must_exist(self) -> None:
        text = (
            '[[place]]\nid = "a"\nkind = "bed"\nparent = "nowhere"\n'
            '[[resident]]\nid = "ann"\nplace = "b9"\n'
            '[[device]]\nid = "d"\nresident = "bob"\nplace = "b8"\ngateway = "g"\n'
        )
        found = read([("r.toml", text)])
        assert isinstance(found, list)
        assert [problem.line for problem in found] == [1, 5, 8, 8, 8]
        for missing, problem in zip(["nowhere", "b9", "bob", "b8", "g"], found, strict=True):
            assert repr(missing) in problem.message

    def test_a_gateway_is_looked_for_at_its_site(self) -> None:
        text = "id,kind,site,gateway\ng,gateway,{},\nd,bed,s1,g\n"
        assert ("s1", "d") in good(("d.csv", text.format("s1"))).devices
        assert ("s1", "d") in good(("d.csv", text.format(""))).devices
        assert told(("d.csv", text.format("s2"))) == [("d.csv", 3)]

    @pytest.mark.parametrize(("parents", "lines"), [("a", [2]), ("b,a", [2, 3]), (",c,b", [3, 4])])
    def test_no_place_lies_inside_itself(self, parents: str, lines: list[int]) -> None:
        rows = [f"{place},room,{parent}" for place, parent in zip("abc", parents.split(","), strict=False)]
        assert told(("p.csv", "id,kind,parent\n" + "\n".join(rows))) == [("p.csv", line) for line in lines]

    def test_an_id_stands_once(self) -> None:
        found = read(
            [("p.csv", "id,kind\na,site\na,room\n"), ("q.toml", '\n[[place]]\nid = "a"\nkind = "bed"\n')]
        )
        assert found == [
            Problem("p.csv", 3, "id 'a' stands already in line 2"),
            Problem("q.toml", 2, "id 'a' stands already in p.csv:2"),
        ]

    def test_a_device_id_may_stand_at_two_sites(self) -> None:
        assert len(good(("d.csv", "id,kind,site\nd,x,s1\nd,x,s2\n")).devices) == 2
        assert told(("d.csv", "id,kind,site\nd,x,s1\nd,y,s1\n")) == [("d.csv", 3)]

    def test_all_problems_of_all_files_at_once_and_in_order(self) -> None:
        found = told(
            ("z.csv", "id,kind\na,castle\nb,site\nb,site\n"),
            ("a.toml", '[[place]]\nkind = "site"\n[[resident]]\nid = "r"\nplace = "nowhere"\naway = 7\n'),
            ("m.csv", "colour\nred\n"),
        )
        assert found == [("a.toml", n) for n in (1, 3, 3)] + [("m.csv", 1), ("z.csv", 2), ("z.csv", 4)]

    def test_a_row_is_told_all_that_is_wrong_with_it(self) -> None:
        text = "id,resident,place,calls,supervision\nd,,b1,yes,5h\nd,bob,b9,maybe,5 hours\n"
        found = read([("p.csv", _PLACES), ("d.csv", text)])
        assert isinstance(found, list)
        assert [problem.line for problem in found] == [3] * 5
        said = " ".join(problem.message for problem in found)
        for wrong in ("'bob'", "'b9'", "'maybe'", "'5 hours'", "'d' stands already in line 2"):
            assert wrong in said

    def test_a_wrong_row_is_there_for_those_that_refer_to_it(self) -> None:
        files = [("p.csv", "id,kind\nb1,bad\n"), ("r.csv", "id,place,name\nann,b1,\n")]
        assert told(*files) == [("p.csv", 2)]

    def test_an_unknown_column_hides_nothing_else(self) -> None:
        assert told(("d.csv", "id,model,calls,colour\nd,x,maybe,red\n,x,yes,\n")) == [
            ("d.csv", 1),
            ("d.csv", 2),
            ("d.csv", 3),
        ]

    def test_what_is_wrong_leaves_what_was_there(self) -> None:
        base = good(("p.csv", _PLACES))
        more = good(("r.csv", "id,place,name\nann,b1,\n"), base=base)
        assert more.places == base.places
        assert not base.residents
        renamed = good(("p.csv", "id,kind,name\nhome,site,New\n"), base=more)
        assert renamed.places["home"].name == "New"
        assert renamed.residents == more.residents

    def test_the_words_that_may_be_written_are_named(self) -> None:
        text = "id,place,visit_tier\nr-1,,High\n"
        found = read([("r.csv", text)])
        assert isinstance(found, list)
        assert found[-1].message == "visit_tier 'High' is none of high, key, general"

    def test_how_a_problem_is_printed(self) -> None:
        assert str(Problem("p.csv", 3, "why")) == "p.csv:3: why"
        assert str(Problem("p.csv", 0, "why")) == "p.csv: why"


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
_ASSESSED = [RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH]
_ZONES = st.sampled_from(["", "Asia/Shanghai", "Asia/Urumqi", "UTC"])


@st.composite
def registries(draw: st.DrawFn) -> Registry:
    ids = draw(st.lists(_TEXT.filter(bool), unique=True, min_size=1, max_size=5))
    places = [
        Place(
            place,
            draw(st.sampled_from(PlaceKind)),
            draw(_TEXT),
            draw(st.sampled_from(["", *ids[:n]])),
            draw(_ZONES),
        )
        for n, place in enumerate(ids)
    ]
    residents = [
        Resident(
            f"r{n}",
            draw(st.sampled_from(ids)),
            draw(_TEXT),
            draw(st.sampled_from(CareLevel)),
            draw(st.booleans()),
            draw(st.sampled_from(VisitTier)),
            draw(st.sampled_from([1, 2])),
            draw(st.sampled_from(Oxygen)),
            draw(st.dictionaries(st.sampled_from(Risk), st.sampled_from(_ASSESSED))),
        )
        for n in range(draw(st.integers(0, 3)))
    ]
    sites = st.sampled_from(["", "s1", "s2"])
    devices = [
        Device(
            f"d{n % 2}",
            draw(_TEXT),
            draw(_TEXT),
            draw(st.sampled_from(["", *(resident.id for resident in residents)])),
            draw(st.sampled_from(["", *ids])),
            draw(sites),
            "",
            draw(st.booleans()),
            draw(st.sampled_from(["90s", "10min", "5h", "25h"]).map(Supervision)),
        )
        for n in range(draw(st.integers(0, 5)))
    ]
    return Registry.of(places, residents, devices)


@given(registries())
def test_what_is_written_is_read_back_equal(registry: Registry) -> None:
    found = good(("r.toml", write(registry)))
    assert found == registry
    for place in registry.places:
        assert found.only_resident(place) == registry.only_resident(place)


@given(
    st.sampled_from(["r.toml", "r.csv"]), st.text() | st.text("[]pladceinrkids=\"',\n\r #.1", max_size=200)
)
def test_any_text_is_a_registry_or_problems(name: str, text: str) -> None:
    found = read([(name, text)])
    assert isinstance(found, Registry) or all(isinstance(problem, Problem) for problem in found)


class TestLarge:
    """A whole home in one go: a handful of mistakes among thousands of rows."""

    _ROWS = 2000
    _MISTAKES = (
        "dev-{n},bed sensor,nobody,r1,yes",  # no such resident
        "dev-{n},bed sensor,,nowhere,yes",  # no such place
        "dev-{n},bed sensor,,r1,maybe",  # neither yes nor no
        ",bed sensor,,r1,yes",  # no id
        "dev-0,bed sensor,,r1,yes",  # an id that stands above
        "dev-{n},bed sensor,,r1,yes,more",  # too many cells
        "dev-{n},bed\x01sensor,,r1,yes",
    )

    @settings(max_examples=10, deadline=None)
    @given(
        st.dictionaries(st.integers(1, _ROWS - 1), st.sampled_from(_MISTAKES), min_size=1, max_size=7),
    )
    def test_exactly_the_wrong_rows_are_told(self, wrong: dict[int, str]) -> None:
        right = "dev-{n},bed sensor,,r1,yes"
        rows = [wrong.get(n, right).replace("{n}", str(n)) for n in range(self._ROWS)]
        table = "\n".join(["id,kind,resident,place,calls", *rows])
        found = told(("places.csv", _PLACES), ("devices.csv", table))
        assert sorted(set(found)) == [("devices.csv", n + 2) for n in sorted(wrong)]
