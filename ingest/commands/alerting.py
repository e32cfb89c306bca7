"""`shouwang alerts`: what needs somebody, and the acts of a named person, from a terminal.

Rule: a client of the HTTP API, like every other way to act: the service keeps order and the record.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from alerts.drill import Practised
from alerts.event import Outcome, State
from ingest.commands.client import ApiOption, ConfigOption, Service, TokenOption, local, service_at, zone_at
from ingest.commands.console import USAGE, bare, end, plain, told
from ingest.commands.quarantine_shown import console
from ingest.commands.watching import detail, follow

app = typer.Typer(
    help="What needs somebody, and taking charge of it. 警报：查看、接手、到场、处理",
    epilog="Example: shouwang alerts list; shouwang alerts ack 2a2bghly5xzuxvvn --by chen.mei",
    no_args_is_help=True,
)
_DEFAULT = Path("shouwang.toml")
_STATES = {
    State.OPEN: "待处理",
    State.ACKNOWLEDGED: "已接手",
    State.ON_SITE: "已到场",
    State.ASKING: "正在询问本人",
    State.SHELVED: "已暂缓",
    State.OUT_OF_SERVICE: "设备维护中",
    State.RESOLVED: "已处理完毕",
}
_SHOWN = 200
_OVER = "\n情况已恢复，仍待处理 back to normal, not yet resolved"
_NOBODY_TOLD = ": 尚未通知到人 no person was told so far"
_AT_ONCE = "大屏和回调立即收到每一步 displays and webhooks are told of each step at once"

_Alert = Annotated[str, typer.Argument(help="The alert's id, or enough of its beginning.")]
_By = Annotated[str, typer.Option("--by", help="Who acts: a name or a staff id.")]
_Note = Annotated[str, typer.Option("--note", help="Kept with the act; leaves the service on no channel.")]
_Seen = Annotated[
    int | None,
    typer.Option(
        "--seen",
        min=1,
        help="The alert's number when you looked (`show` tells it): refused if people were called since.",
    ),
]


@app.command("list", epilog="Example: shouwang alerts list --all --config shouwang.toml")
def list_(
    state: Annotated[State | None, typer.Option("--state", help="Only those that stand so.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones, too.")] = False,
    config: ConfigOption = _DEFAULT,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Alerts, the most urgent first; with --all the newest first."""
    service = service_at(config, api, token_file)
    newest = everything or state is State.RESOLVED
    asked = {"order": "newest" if newest else "urgent", "limit": _SHOWN}
    found = service.get("/api/v1/alerts", asked | ({"state": state.value} if state else {}))["alerts"]
    if not found:
        told.print("nothing needs anybody 目前没有警报", style="green")
        return
    zone = zone_at(config)
    table = Table("alert", "state", "who", f"since ({zone})", "what", box=None, header_style="bold")
    for one in found:
        who = one["resolved_by"] or one["arrived_by"] or one["acknowledged_by"] or ""
        stands = f"{_STATES[State(one['state'])]} {one['state']}"
        stands += f" ({one.get('told', '')})" if one["state"] == State.OPEN else ""
        stands += "" if one["active"] or one["state"] == State.RESOLVED else _OVER
        text = f"{one['text']['zh-CN']}\n{one['text']['en']}"
        since = local(one["raised_at"], zone)
        table.add_row(one["alert"], stands, plain(who), since, plain(text, lines=True))
    console().print(table)


@app.command(epilog="Example: shouwang alerts show 2a2bghly5xzuxvvn")
def show(
    alert: _Alert, config: ConfigOption = _DEFAULT, api: ApiOption = "", token_file: TokenOption = None
) -> None:
    """One alert, and all that happened to it."""
    service = service_at(config, api, token_file)
    found = service.get(f"/api/v1/alerts/{_whole(service, alert)}")
    for text in found["text"].values():
        told.print(bare(text), markup=False, style="bold")
    told.print(stands(found), markup=False)
    if not found["active"] and found["state"] != State.RESOLVED:
        told.print(_OVER.strip())
    zone = zone_at(config)
    table = Table(f"at ({zone})", "event", "who or what", box=None, header_style="bold")
    for event in found["history"]:
        table.add_row(local(event["at"], zone), event["event"], plain(detail(event)))
    console().print(table)
    told.print(_AT_ONCE, markup=False)


def stands(found: Mapping[str, Any]) -> str:
    """Its state, whether a person was told, and the number that an act may name."""
    state = State(found["state"])
    said = f"{_STATES[state]} {state}"
    if state is State.OPEN:
        said += f" ({found.get('told', '')})"
        if not any(event["event"] == "notified" and event["to"] for event in found["history"]):
            said += _NOBODY_TOLD
    return f"{said}; number {found['number']} (--seen {found['number']})"


@app.command(epilog="Example: shouwang alerts drill r-03 --what fall --by s-07")
def drill(
    subject: Annotated[str, typer.Argument(help="A resident or a place, by id.")],
    by: _By,
    what: Annotated[Practised, typer.Option("--what", help="What is pretended.")] = Practised.SOS,
    config: ConfigOption = _DEFAULT,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Practise a call 演练: everybody is told as for a real one, marked so, and nobody outside."""
    asked = {"subject": subject, "what": what.value, "by": by}
    found = service_at(config, api, token_file).post("/api/v1/drills", asked)
    for text in found["text"].values():
        told.print(bare(text), markup=False, style="bold")
    ends = "shouwang alerts resolve 结束 resolve it to end the drill"
    told.print(f"{found['alert']}: 处理完毕后请用 {ends}", markup=False)


@app.command(epilog="Example: shouwang alerts ack 2a2bghly --by chen.mei")
def ack(
    alert: _Alert,
    by: _By,
    note: _Note = "",
    seen: _Seen = None,
    config: ConfigOption = _DEFAULT,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Take charge 接手. It lapses unless somebody is with the resident in time."""
    said = {"by": by, "note": note, "seen": seen}
    _act(service_at(config, api, token_file), zone_at(config), alert, "acknowledge", said)


@app.command(epilog="Example: shouwang alerts arrive 2a2bghly --by chen.mei")
def arrive(
    alert: _Alert,
    by: _By,
    note: _Note = "",
    seen: _Seen = None,
    config: ConfigOption = _DEFAULT,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Say that you are with the resident 到场."""
    said = {"by": by, "note": note, "seen": seen}
    _act(service_at(config, api, token_file), zone_at(config), alert, "arrive", said)


@app.command(epilog="Example: shouwang alerts resolve 2a2bghly --by chen.mei --outcome real")
def resolve(
    alert: _Alert,
    by: _By,
    outcome: Annotated[Outcome, typer.Option("--outcome", help="What it turned out to be.")],
    note: _Note = "",
    seen: _Seen = None,
    voice_contact: Annotated[
        str,
        typer.Option(
            "--voice-contact",
            help="The id of a conversation with the resident, where nobody was there (R-17).",
        ),
    ] = "",
    config: ConfigOption = _DEFAULT,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Close it, and say what it was 处理完毕."""
    said = {"by": by, "note": note, "outcome": outcome.value, "seen": seen, "voice_contact": voice_contact}
    _act(service_at(config, api, token_file), zone_at(config), alert, "resolve", said)


@app.command(
    epilog="Example: shouwang alerts shelve --rule bed-exit --subject r-03 --minutes 45 --by chen.mei"
    " --reason bath"
)
def shelve(
    rule: Annotated[str, typer.Option("--rule", help="Whose alerts.")],
    minutes: Annotated[int, typer.Option("--minutes", help="For how long; at most 8 h.")],
    by: _By,
    reason: Annotated[str, typer.Option("--reason", help="Why; shown in the list.")],
    subject: Annotated[str, typer.Option("--subject", help="About which resident or place.")] = "",
    cause: Annotated[str, typer.Option("--cause", help="Or of which cause.")] = "",
    config: ConfigOption = _DEFAULT,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Let alerts of one rule about somebody call nobody for a while 暂缓: never an SOS, a fall or a fire."""
    said = {"rule": rule, "minutes": minutes, "by": by, "reason": reason}
    said |= {"subject": subject} if subject else {}
    said |= {"cause": cause} if cause else {}
    made = service_at(config, api, token_file).post("/api/v1/quiet/shelve", said)
    zone = zone_at(config)
    until = f"{local(made['until'], zone)} ({zone})"
    told.print(f"{made['suspension']}: until {until}; it ends by itself", style="green", markup=False)


@app.command(epilog="Example: shouwang alerts unshelve 4dkqzyq2mcw5ifzx --by chen.mei")
def unshelve(
    suspension: Annotated[str, typer.Argument(help="The suspension's id (`shouwang alerts quiet`).")],
    by: _By,
    config: ConfigOption = _DEFAULT,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """End a shelf or a device's time out of service before its time; what still holds calls now."""
    service_at(config, api, token_file).post(f"/api/v1/quiet/{suspension}/end", {"by": by})
    told.print("ended 已结束", style="green")


@app.command(epilog="Example: shouwang alerts quiet")
def quiet(config: ConfigOption = _DEFAULT, api: ApiOption = "", token_file: TokenOption = None) -> None:
    """What calls nobody now, and why (R-57)."""
    found = service_at(config, api, token_file).get("/api/v1/quiet")
    if not any(found.values()):
        told.print("everything calls 目前没有暂缓或屏蔽", style="green")
        return
    zone = zone_at(config)
    table = Table("id", "what", "of", f"until or since ({zone})", "by", "why", box=None, header_style="bold")
    for what in ("shelved", "out_of_service"):
        for one in found.get(what, ()):
            of = " ".join(filter(None, (one["rule"], one["subject"] or one["cause"] or one["device"])))
            until, by = local(one["until"], zone), plain(one["by"])
            table.add_row(one["suspension"], what, plain(of), until, by, plain(one["reason"]))
    for one in found.get("suppressed", ()):
        of, since = plain(f"{one['rule']} {one['subject']}"), local(one["since"], zone)
        table.add_row("", "suppressed", of, since, "", plain(one["why"]))
    for one in found.get("disabled", ()):
        table.add_row("", "disabled", plain(f"{one['rule']} {one['subject']}"), "", "", plain(one["error"]))
    for one in found.get("floods", ()):
        since, text = local(one["raised_at"], zone), plain(f"{one['text']['zh-CN']} {one['text']['en']}")
        table.add_row("", "flood", plain(one["site"]), since, "", text)
    console().print(table)


@app.command(epilog="Example: shouwang alerts watch --config shouwang.toml")
def watch(
    as_json: Annotated[bool, typer.Option("--json", help="Each event as one JSON object a line.")] = False,
    config: ConfigOption = _DEFAULT,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """What is open now, then what happens to alerts as it happens 实时查看; until Ctrl-C."""
    follow(service_at(config, api, token_file), as_json=as_json)


def _act(service: Service, zone: ZoneInfo, alert: str, verb: str, said: dict[str, Any]) -> None:
    if not said["by"].strip():
        end("--by is empty: say who acts", USAGE)
    said = {name: value for name, value in said.items() if value not in {None, ""}} | {"via": "cli"}
    done = service.post(f"/api/v1/alerts/{_whole(service, alert)}/{verb}", said)
    until = local(done["acknowledged_until"] or "", zone)
    held = f"，至 until {until} ({zone})" if until else ""
    who = plain(done["resolved_by"] or done["arrived_by"] or done["acknowledged_by"] or "")
    zh = _STATES[State(done["state"])]
    told.print(f"{done['alert']}: {zh} {done['state']}: {who}{held}", style="green")


def _whole(service: Service, alert: str) -> str:
    """The id that begins so among what is not resolved; what is none of them goes to the service as it is."""
    standing = service.get("/api/v1/alerts", {"order": "urgent", "limit": 1000})["alerts"]
    found = [one["alert"] for one in standing if one["alert"].startswith(alert)]
    return found[0] if len(found) == 1 else alert
