"""Help: of every command, with an example and every option that people were promised."""

import pytest

from tests.commands.program import called, shouwang

COMMANDS = {
    "demo": "--residents --speed --for --data",
    "run": "--config",
    "check-config": "file",
    "migrate": "--dsn",
    "decode": "--topic --family --model --zone --json --table --batch file",
    "listen": "--broker --config --topic --registry --for --json",
    "models": "--json words",
    "replay": "--rules --registry --from --to --dsn --config --compare --json file",
    "simulate": "--broker --speed --seed --truth --recording --registry --lines --list scenario",
    "quarantine": "list show retry",
    "quarantine list": "--reason --family --device --all --json --config --api",
    "quarantine show": "--clear --json --config row",
    "quarantine retry": "--reason --family --device --json --config rows",
    "alerts": "list show ack arrive resolve shelve unshelve quiet watch",
    "alerts list": "--state --all --config --api --token-file",
    "alerts show": "--config --api alert",
    "alerts watch": "--json --config --api --token-file",
    "alerts ack": "--by --note --seen --config --api --token-file alert",
    "alerts arrive": "--by --note --seen alert",
    "alerts resolve": "--by --outcome --note --seen --voice-contact alert",
    "alerts shelve": "--rule --subject --cause --minutes --by --reason",
    "alerts unshelve": "--by suspension",
    "channels": "list test",
    "channels list": "--config --api --token-file",
    "channels test": "--by --to name",
    "duty": "show gaps override swap import export changes withdraw confirm",
    "duty show": "--at --place --json --config --api --token-file",
    "duty gaps": "--from --to --json",
    "duty override": "--person --instead --nobody --role --place --from --until --by --reason",
    "duty swap": "--by one other",
    "duty import": "--role --place --by file",
    "duty export": "--role --place",
    "duty changes": "--limit --json",
    "duty withdraw": "--by change",
    "duty confirm": "--by --cannot night",
    "falls": "evaluate",
    "falls evaluate": "--json --window --models --pictures --only --perturb --jobs FILE",
    "rules explain": "--config --rules --registry --all --json resident",
    "rules list": "--config --rules --registry --json",
    "registry": "import export",
    "registry import": "--data files risk_choking risk_activity visit_tier spo2_scale oxygen",
    "registry export": "--data",
}


@pytest.mark.parametrize(("command", "promised"), COMMANDS.items())
def test_every_command_explains_itself(command: str, promised: str) -> None:
    answer = called(*command.split(), "--help")
    said = answer.out.decode()
    assert answer.code == 0
    assert f"shouwang {command}" in said.partition("Example: ")[2]
    for word in promised.split():
        assert word in said


def test_the_program_lists_its_commands_and_has_an_example() -> None:
    answer = shouwang("--help")
    said = answer.out.decode()
    assert answer.code == 0
    assert "shouwang demo" in said.partition("Example")[2]
    for command in COMMANDS:
        assert command.split()[0] in said


@pytest.mark.parametrize("words", ["", "registry", "nonsense", "--nonsense", "registry nonsense"])
def test_who_names_no_command_is_shown_the_way(words: str) -> None:
    answer = called(*words.split())
    assert answer.code == 2
    assert "Usage" in answer.err + answer.out.decode()


@pytest.mark.parametrize(
    "command", ["run", "check-config", "migrate", "replay", "simulate", "registry import"]
)
def test_what_a_command_needs_is_asked_for(command: str) -> None:
    answer = called(*command.split())
    assert answer.code == 2
    assert "Missing" in answer.err
    assert f"{command} --help" in answer.err


def test_the_lines_of_help_end_where_the_terminal_does() -> None:
    said = called("falls", "evaluate", "--help").out.decode()
    prose, example = said.partition("The first lines")[::2]
    assert "Each recording is a device of its own that sends windows over the native protocol. A set" in prose
    assert "wrist,from the bed,1,0.00" in example.splitlines()[3]
