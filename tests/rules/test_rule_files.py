"""Rule files: everything that is wrong is said at once, with its line; nothing half right is used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.registry import Registry, Resident, Risk, RiskLevel, VisitTier
from rules.configuration import Problem, default, load
from rules.explanation import explain
from rules.kind import Subject
from rules.kinds import KINDS
from rules.kinds.missed_check import MissedCheckSettings
from rules.ruleset import Application, RuleSet
from rules.settings import Settings
from rules.toml_lines import line_of, lines
from tests.mistakes import TEN_MISTAKES, WRONG_LINES
from tests.rules.home import HOME, HOUR, MINUTE

GOOD = """\
# rounds
[[rule]]
id = "night-round"
kind = "missed_check"
check = "visit"
every = "2h"
between = ["21:00", "07:00"]
grace = "12min"
[rule.care_level.1]
every = "1h"
[rule.place.building-2]
enabled = false
[rule.resident.zhao]
every = "90min"
enabled = true
"""

QUIET = "[[rule]]\nid = 'a'\nkind = 'inactivity'\n"
CHECK = "[[rule]]\nid = 'a'\nkind = 'missed_check'\ncheck = 'visit'\n"


def problems(text: str, registry: Registry | None = None) -> list[Problem]:
    found = load(text, registry)
    assert isinstance(found, list), found
    return found


def settings_of(rules: RuleSet, rule: str, resident: str) -> Settings | None:
    (definition,) = [d for d in rules if d.id == rule]
    person = HOME.residents[resident]
    made = Application(definition, HOME).to(Subject(resident, person, person.place))
    return made.settings if made else None


def test_the_default_rules_are_valid_and_name_every_kind() -> None:
    assert {definition.kind.name for definition in default()} == set(KINDS) - {"expression"}
    wanted = {"sos", "fall", "environment", "daily-check-in", "night-round", "unprotected", "heart-rate"}
    assert {d.id for d in default()} >= wanted


def test_a_good_file_gives_its_rules_with_overrides_resolved() -> None:
    rules = load(GOOD, HOME)
    assert isinstance(rules, RuleSet)
    zhao, wang = settings_of(rules, "night-round", "zhao"), settings_of(rules, "night-round", "wang")
    assert zhao is not None
    assert wang is not None
    assert zhao.model_dump()["every"] == 90 * MINUTE
    assert wang.model_dump()["every"] == 120 * MINUTE
    assert settings_of(rules, "night-round", "li") is None, "her building is off"


def test_three_errors_are_all_reported_with_their_lines() -> None:
    text = GOOD.replace('"2h"', '"2 hours"').replace("grace", "grase").replace("zhao", "nobody")
    found = problems(text, HOME)
    assert [problem.line for problem in found] == [6, 8, 13]
    assert "2h" in found[0].message
    assert "every" in found[0].message
    assert "unknown key" in found[1].message
    assert "grace" in found[1].message
    assert "nobody" in found[2].message
    assert all("night-round" in problem.where for problem in found)
    assert str(found[2]).startswith("line 13: ")


def test_without_a_registry_references_are_not_checked() -> None:
    assert isinstance(load(GOOD.replace("zhao", "nobody")), RuleSet)


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("x = [", 1, "not TOML"),
        ("\n\nx = 1 1", 3, "not TOML"),
        ("[[rule]]\nid = ", 2, "not TOML"),
        ("rules = 1", 1, "[[rule]]"),
        ("[rule]\nid = 'a'", 1, "two brackets"),
        ("rule = [1]", 1, "two brackets"),
        ("[[rule]]\nkind = 'sos'", 1, "id"),
        ("[[rule]]\nid = 7\nkind = 'sos'", 2, "id"),
        ("[[rule]]\nid = 'A b'\nkind = 'sos'", 2, "id"),
        ("[[rule]]\nid = 'technical'\nkind = 'sos'", 2, "reserved"),
        ("[[rule]]\nid = 'flood'\nkind = 'sos'", 2, "reserved"),
        ("[[rule]]\nid = 'sos'\nkind = 'unprotected'", 2, "reserved"),
        ("[[rule]]\nid = 'a'\nkind = 'sos'\n[[rule]]\nkind = 'fall'\nid = 'a'", 6, "taken"),
        ("[[rule]]\nid = 'a'", 1, "kind"),
        ("[[rule]]\nid = 'a'\nkind = 'soss'", 3, "sos"),
        ("[[rule]]\nid = 'a'\nkind = ['sos']", 3, "kind"),
        ("[[rule]]\nid = 'a'\nkind = 'sos'\nplace = 3", 4, "[rule.place."),
        ("[[rule]]\nid = 'a'\nkind = 'sos'\n[rule.place]\nx = 3", 4, "[rule.place."),
        ("[[rule]]\nid = 'a'\nkind = 'sos'\nseverity = 'medium'", 4, "R-42"),
        ("[[rule]]\nid = 'a'\nkind = 'fall'\nenabled = false", 4, "R-42"),
        ("[[rule]]\nid = 'a'\nkind = 'fall'\n[rule.resident.wang]\nenabled = false", 5, "R-42"),
        ("[[rule]]\nid = 'a'\nkind = 'sos'\n[rule.place.bed-2]\nseverity = 'low'", 5, "R-42"),
        ("[[rule]]\nid = 'a'\nkind = 'unprotected'\nenabled = 'no'", 4, "true or false"),
        ("[[rule]]\nid = 'a'\nkind = 'unprotected'\nseverity = 'urgent'", 4, "medium"),
        ("[[rule]]\nid = 'a'\nkind = 'unprotected'\n[rule.care_level.4]", 4, "special, 1, 2 or 3"),
        ("[[rule]]\nid = 'a'\nkind = 'unprotected'\n[rule.place.attic]", 4, "attic"),
        ("[[rule]]\nid = 'a'\nkind = 'missed_check'\nby = '09:30'", 1, "check: is missing"),
        (CHECK, 1, "either by"),
        ("[[rule]]\nid = 'a'\nkind = 'missed_check'\ncheck = 'sos'\nby = '09:30'", 4, "event"),
        ("[[rule]]\nid = 'a'\nkind = 'missed_check'\ncheck = 'spo2'\nby = '09:30'", 4, "event"),
        (CHECK + "by = '9:30'", 5, "09:30"),
        (CHECK + "by = 09:30:00", 5, "09:30"),
        (CHECK + "every = '0h'", 5, "every: write more than 0s"),
        (CHECK + "every = '2h'\ngrace = '3h'", 1, "grace"),
        (CHECK + "every = '2h'\nproof = 'nfc'\nfrom_first = 'no'", 7, "from_first: write true or false"),
        (QUIET + "within = '14h'", 4, "within: write at most 12h"),
        (QUIET + "within = '30min'", 4, "within: write at least 2h"),
        (QUIET + "exits = 'door-1'", 4, "exits: write a list, in brackets"),
        (QUIET + "exits = [1]", 4, "exits: write text, in quotes"),
        (QUIET + "hours = ['13']", 4, "hours: write a table, in braces"),
        (QUIET + "hours = { 25 = '3h' }", 4, 'hours 25: write the hour as "00" to "23"'),
        (QUIET + "hours = { 12 = '1h' }", 4, "hours 12: write at least 2h"),
        (QUIET + "between = '21:00'", 4, "between: write a list, in brackets"),
        (QUIET + "between = ['06:00', '12:00', '18:00']", 4, "too many"),
        ("[[rule]]\nid = 'a'\nkind = 'climate'\ncold = 35", 4, "cold: write at most 25"),
        ("[[rule]]\nid = 'a'\nkind = 'climate'\ncold = 'x'", 4, "cold: write a number"),
        (
            "[[rule]]\nid = 'a'\nkind = 'vitals'\nmetric = 'spo2'\nbelow = 85\nreadings = 1.5",
            6,
            "a whole number",
        ),
        (
            CHECK + "every = '2h'\nfrom = '05:00'",
            1,
            "between",
        ),
        (
            CHECK + "by = '09:30'\nbetween = ['21:00', '07:00']",
            1,
            "from",
        ),
        (
            CHECK + "every = '2h'\nbetween = ['21:00', '21:00']",
            6,
            "two different",
        ),
        (
            CHECK + "every = '2h'\nbetween = ['21:00']",
            6,
            "few",
        ),
        (
            CHECK + "every = '2h'\n[rule.resident.li]\nby = '08:00'",
            6,
            "either by",
        ),
    ],
)
def test_a_fault_is_found_where_it_stands(text: str, line: int, part: str) -> None:
    (problem,) = problems(text, HOME)
    assert problem.line == line
    assert part in f"{problem.where} {problem.message}"


def test_r42_leaving_life_safety_out_does_not_switch_it_off() -> None:
    rules = load("")
    assert isinstance(rules, RuleSet)
    assert sorted(definition.kind.name for definition in rules) == ["environment", "fall", "long_lie", "sos"]


def test_a_fault_of_the_rule_is_not_repeated_for_every_override() -> None:
    text = GOOD.replace('check = "visit"\n', "")
    assert [problem.line for problem in problems(text, HOME)] == [2]


def test_settings_that_do_not_fit_together_are_not_repeated_for_every_override() -> None:
    text = CHECK + "[rule.resident.wang]\ngrace = '5min'\n[rule.resident.li]\nseverity = 'low'"
    assert [problem.line for problem in problems(text, HOME)] == [1]


def test_lines_are_found_whatever_the_toml_looks_like() -> None:
    text = '''\
title = """
[[rule]]
id = 1
"""  # [[rule]]
list = [
  "[[rule]]", # x = 1
  { a = 1 },
]
[[ rule ]]  # the first
"id" = "x = 3 # no"
care_level.1.every = '1h'
[rule."care_level".'2']
every = "[2h"
[[rule]]
place = { p = { every = "1h" } }
[other.table]
k = \'\'\'
[a]\'\'\'
last = 1
'''
    found = lines(text)
    assert found["title",] == 1
    assert found["list",] == 5
    assert found["rule", 0] == 9
    assert found["rule", 0, "id"] == 10
    assert found["rule", 0, "care_level", "1", "every"] == 11
    assert found["rule", 0, "care_level", "2"] == 12
    assert found["rule", 0, "care_level", "2", "every"] == 13
    assert found["rule", 1] == 14
    assert line_of(found, ("rule", 1, "place", "p", "every")) == 15
    assert found["other", "table", "k"] == 17
    assert found["other", "table", "last"] == 19
    assert line_of(found, ("nowhere",)) == 1


@given(st.text(max_size=200) | st.text("[]{}\"'#=.\n ab1\\", max_size=60))
def test_any_text_gives_rules_or_problems(text: str) -> None:
    found = load(text)
    assert isinstance(found, RuleSet) or all(1 <= p.line <= text.count("\n") + 1 for p in found)
    lines(text)


VALUES = st.recursive(
    st.sampled_from(["2h", "09:30", "visit", "high", "low", "x", "", 0, 1, True, 1.5]),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(
        st.sampled_from(["check", "by", "every", "between", "from", "grace", "severity", "after", "enabled"]),
        VALUES,
        max_size=5,
    ),
)
def test_what_is_written_is_accepted_whole_or_every_problem_has_its_own_line(
    kind: str, fields: dict[str, object]
) -> None:
    written = "".join(f"{key} = {_toml(value)}\n" for key, value in fields.items())
    text = f'[[rule]]\nid = "r"\nkind = "{kind}"\n{written}'
    found = load(text)
    if isinstance(found, RuleSet):
        assert found.definitions[0].id == "r"
    else:
        keys = list(fields)
        for problem in found:
            assert problem.line == 1 or keys[problem.line - 4] in problem.message


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


RISKS = """
[[rule]]
id = "round"
kind = "missed_check"
check = "visit"
every = "4h"
[rule.care_level.3]
every = "5h"
[rule.visit_tier.key]
every = "6h"
[rule.risk.bed_fall.high]
every = "1h"
[rule.risk.fall.unassessed]
every = "2h"
[rule.resident.li]
every = "30min"
"""


def test_r79_an_override_by_risk_wins_over_care_level_and_tier_and_loses_to_the_residents() -> None:
    rules = load(RISKS)
    assert isinstance(rules, RuleSet)
    definition = next(iter(rules))

    def every(person: Resident) -> int:
        applied = Application(definition, HOME).to(Subject(person.id, person, "room-1"))
        assert applied is not None
        assert isinstance(applied.settings, MissedCheckSettings)
        return applied.settings.every or 0

    low = {Risk.FALL: RiskLevel.LOW}
    assert every(Resident("x", "room-1", risks=low)) == 5 * HOUR
    assert every(Resident("x", "room-1", risks=low, visit_tier=VisitTier.KEY)) == 6 * HOUR
    assert every(Resident("x", "room-1", risks={**low, Risk.BED_FALL: RiskLevel.HIGH})) == HOUR
    assert every(Resident("x", "room-1")) == 2 * HOUR, "not assessed is a level of its own"
    assert every(Resident("li", "room-1")) == 30 * MINUTE


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("risk.drowning.high", 'there is no risk "drowning.high": name one of choking, intake, '),
        ("risk.fall.terrible", 'there is no risk "fall.terrible": name one of choking, intake, '),
        ("visit_tier.often", 'there is no visit_tier "often": name high, key, general'),
        ("risk.fall", "write overrides as [rule.risk.<risk>.<level>]"),
    ],
)
def test_an_override_for_what_does_not_exist_is_told_with_its_line(header: str, message: str) -> None:
    text = f'[[rule]]\nid = "u"\nkind = "unprotected"\n[rule.{header}]\nafter = "5s"\n'
    (problem,) = problems(text)
    assert (problem.line, problem.message[: len(message)]) == (4, message)


def test_ten_different_mistakes_are_ten_clear_errors_with_their_lines() -> None:
    found = problems(TEN_MISTAKES, HOME)
    assert [problem.line for problem in found] == WRONG_LINES
    assert len({problem.message for problem in found}) == 10


MISFITS = {
    "limits": (
        'kind = "vitals"\nmetric = "heart_rate"\nabove = 150',
        "far_above = 160",
        "above = 170",
        "above must be less than far_above",
    ),
    "rounds": (
        'kind = "missed_check"\ncheck = "visit"\nevery = "2h"',
        'every = "1h"',
        'overdue = ["90min medium"]',
        "overdue: it must come before the next round is due",
    ),
    "times": (
        'kind = "missed_check"\ncheck = "check_in"\nby = "09:00"',
        'by = ["08:00", "20:00"]',
        'from = "05:00"',
        '"from" goes with one daily by',
    ),
}


@pytest.mark.parametrize(("own", "of_level", "of_resident", "message"), MISFITS.values(), ids=MISFITS)
def test_overrides_that_are_right_alone_and_wrong_together_are_told_and_never_raise(
    own: str, of_level: str, of_resident: str, message: str
) -> None:
    text = f"[[rule]]\nid = 'a'\n{own}\n[rule.care_level.1]\n{of_level}\n[rule.resident.li]\n{of_resident}\n"
    (problem,) = problems(text, HOME)
    assert problem.message.startswith(message)
    assert problem.message.endswith("(for li, together with care_level 1)")
    assert problem.where == 'rule "a", resident li'
    assert problem.line == text.split("\n").index("[rule.resident.li]") + 1
    rules = load(text)  # as when her level changes while the file holds
    assert isinstance(rules, RuleSet)
    hers = settings_of(rules, "a", "li")
    alone = load(text.replace(of_level, ""))
    assert isinstance(alone, RuleSet)
    assert hers == settings_of(alone, "a", "li"), "the more general one gives way"
    (held,) = (rule for rule in explain(rules, HOME, "li").rules if rule.rule == "a")
    assert {value.source for value in held.values} == {"default", "rule", "resident li"}


def test_a_rule_that_is_enabled_stays_so_where_its_overrides_do_not_fit() -> None:
    own, of_level, of_resident, _ = MISFITS["rounds"]
    rules = load(
        f"[[rule]]\nid = 'a'\n{own}\nenabled = false\n[rule.care_level.1]\n{of_level}\nenabled = true\n"
        f"[rule.resident.li]\n{of_resident}\n"
    )
    assert isinstance(rules, RuleSet)
    hers = settings_of(rules, "a", "li")
    assert isinstance(hers, MissedCheckSettings)
    assert (hers.enabled, hers.every) == (True, 2 * HOUR)
