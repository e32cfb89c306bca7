"""`shouwang duty ...`: who is on duty, where nobody is, and what is changed, at a running service.

Rule: a client of the HTTP API and nothing more; times without an offset are local to the home.
"""

import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table
from rich.text import Text

from alerts.view import iso
from ingest.commands.client import ApiOption, ConfigOption, Service, TokenOption, service_at, zone_at
from ingest.commands.console import USAGE, bare, end, json_line, told
from ingest.commands.past import instant
from ingest.commands.quarantine_shown import console

_PATH = "/api/v1/duty"

_Json = Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")]
_By = Annotated[str, typer.Option("--by", help="Who does it: a name or a staff id; kept on record.")]
_Reason = Annotated[str, typer.Option("--reason", help="Why; kept on record.")]
_From = Annotated[str, typer.Option("--from", help="As 2026-12-01T20:00; left out: now.")]
_Role = Annotated[str, typer.Option(help="primary, second, lead, manager, or a role of the rota.")]
_Place = Annotated[str, typer.Option(help="A place of the registry.")]
_Config = ConfigOption
_Here = Path("shouwang.toml")


def show(
    at: Annotated[str, typer.Option(help="A time, as 2026-12-01T20:00; left out: now.")] = "",
    place: Annotated[str, typer.Option(help="Who answers for an alert at this place.")] = "",
    as_json: _Json = False,
    config: _Config = _Here,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Who is on duty, now or at a time, and the nights that people are asked to confirm."""
    service, zone = _at(config, api, token_file)
    asked = {"place": place} | ({"at": iso(instant("--at", at, zone))} if at else {})
    found = service.get(_PATH, asked)
    nights = service.get(f"{_PATH}/nights")["nights"]
    if as_json:
        json_line(found | {"nights": nights})
        return
    if not found["rota"]:
        told.print('no rota is kept 没有排班表: name one in the configuration, duty = "duty.toml"')
        return
    if place:
        table = _table("role 岗位", "on duty 值班")
        for role, people in found["on_duty"].items():
            table.add_row(bare(role), bare(", ".join(people)))
    else:
        table = _table("role 岗位", "place 地点", "person 人员", "shift 班次")
        for post in found["posts"]:
            table.add_row(*(bare(post[key]) for key in ("role", "place", "person", "shift")))
    console().print(table)
    for one in nights:
        console().print(Text(_night(one, zone)))
    for problem in found["problems"]:
        told.print(f"duty file, line {problem['line']}: {problem['message']}", style="red", markup=False)


def gaps(
    since: _From = "",
    until: Annotated[str, typer.Option("--to", help="Left out: 14 days later.")] = "",
    as_json: _Json = False,
    config: _Config = _Here,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Where nobody is on duty who must be; of the next 14 days unless asked otherwise."""
    service, zone = _at(config, api, token_file)
    asked = {"from": iso(instant("--from", since, zone))} if since else {}
    asked |= {"until": iso(instant("--to", until, zone))} if until else {}
    found = service.get(f"{_PATH}/gaps", asked)["gaps"]
    if as_json:
        for gap in found:
            json_line(gap)
        return
    _tell_gaps(found, zone)


def override(
    until: Annotated[str, typer.Option("--until", help="As 2026-12-02T08:00.")],
    by: _By,
    person: Annotated[str, typer.Option(help="Who is on duty.")] = "",
    instead: Annotated[str, typer.Option(help="Instead of whom; left out: additionally.")] = "",
    nobody: Annotated[bool, typer.Option("--nobody", help="Nobody is, in this role at this place.")] = False,
    role: _Role = "",
    place: _Place = "",
    since: _From = "",
    reason: _Reason = "",
    config: _Config = _Here,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Change who is on duty for a while: somebody instead of somebody, additionally, or nobody."""
    service, zone = _at(config, api, token_file)
    act: dict[str, Any] = {
        "person": person,
        "instead": instead,
        "nobody": nobody,
        "role": role,
        "place": place,
    }
    act |= {"until": iso(instant("--until", until, zone)), "by": by, "reason": reason}
    act |= {"from": iso(instant("--from", since, zone))} if since else {}
    _taken(service.post(f"{_PATH}/overrides", act), zone)


def swap(
    one: Annotated[str, typer.Argument(help="A turn, as night@2026-12-01, or night@2026-12-01:li.")],
    other: Annotated[str, typer.Argument(help="The turn that is exchanged for it.")],
    by: _By,
    reason: _Reason = "",
    config: _Config = _Here,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Two people exchange two turns; a turn is named by its shift and the day on which it begins."""
    turns = {"one": _turn(one), "other": _turn(other)}
    service, zone = _at(config, api, token_file)
    _taken(service.post(f"{_PATH}/swaps", turns | {"by": by, "reason": reason}), zone)


def import_(
    file: Annotated[Path, typer.Argument(help="An iCalendar (.ics) of one role at one place.")],
    role: _Role,
    place: _Place,
    by: _By,
    reason: _Reason = "",
    config: _Config = _Here,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Take a calendar for a role at a place: events are turns, their guests or summary who has them."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        end(error, USAGE)
    except UnicodeDecodeError:
        end(f"{file} is not UTF-8 text: export it again as iCalendar", USAGE)
    service, zone = _at(config, api, token_file)
    act = {"role": role, "place": place, "text": text, "by": by, "reason": reason}
    _taken(service.post(f"{_PATH}/calendars", act), zone)


def export(
    role: _Role = "",
    place: _Place = "",
    config: _Config = _Here,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """The rota as iCalendar on stdout, of a role and place or all: a month back, half a year ahead."""
    service, _ = _at(config, api, token_file)
    address = service.get(f"{_PATH}/feed")["path"]
    path, _, token = address.partition("?token=")
    sys.stdout.buffer.write(service.text(path, {"token": token, "role": role, "place": place}))
    sys.stdout.buffer.flush()
    told.print(f"calendars can subscribe to {service.url}{address}", markup=False)


def changes(
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: _Json = False,
    config: _Config = _Here,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """What was changed of the rota and asked of people, newest first: who, when, from where, why."""
    service, zone = _at(config, api, token_file)
    found = service.get(f"{_PATH}/changes", {"limit": limit})["changes"]
    if as_json:
        for one in found:
            json_line(one)
        return
    table = _table("id", "at 时间", "what 内容", "by 由", "from 来源", "reason 原因")
    for one in found:
        told_of = _told_of(one, zone)
        row = (str(one["id"]), _local(one["at"], zone), told_of, one["by"], one["source"], one["reason"])
        table.add_row(*map(bare, row))
    console().print(table)


def withdraw(
    change: Annotated[int, typer.Argument(help="Its id, as `changes` has it.")],
    by: _By,
    reason: _Reason = "",
    config: _Config = _Here,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """An override, a swap or a calendar holds no longer."""
    service, zone = _at(config, api, token_file)
    _taken(service.post(f"{_PATH}/changes/{change}/withdraw", {"by": by, "reason": reason}), zone)


def confirm(
    night: Annotated[str, typer.Argument(help="The night, as `show` names it: night.2026-12-01.")],
    by: Annotated[str, typer.Option("--by", help="The staff id of who was asked.")],
    cannot: Annotated[bool, typer.Option("--cannot", help="Not on duty: ask the next.")] = False,
    config: _Config = _Here,
    api: ApiOption = "",
    token_file: TokenOption = None,
) -> None:
    """Who was asked says "I am on duty that night", or that they cannot be."""
    service, _ = _at(config, api, token_file)
    done = service.post(f"{_PATH}/nights/{night}/answer", {"by": by, "here": not cannot})
    told.print(f"{night}: {bare(done['confirmed']) or 'nobody yet 尚无人'} on duty 值班", markup=False)


def _at(config: Path, api: str, token_file: Path | None) -> tuple[Service, ZoneInfo]:
    return service_at(config, api, token_file), zone_at(config)


def _turn(written: str) -> dict[str, str]:
    shift, _, rest = written.partition("@")
    day, _, person = rest.partition(":")
    if not shift or not day:
        end(f"{written!r} is no turn: write night@2026-12-01, or night@2026-12-01:li", USAGE)
    return {"shift": shift, "day": day, "person": person}


def _taken(done: Mapping[str, Any], zone: ZoneInfo) -> None:
    told.print(f"change {done['id']} holds 已生效", style="green")
    _tell_gaps(done["gaps"], zone)


def _tell_gaps(found: list[Mapping[str, Any]], zone: ZoneInfo) -> None:
    if not found:
        told.print("no gap 无值班空缺")
    for gap in found:
        begin, finish = _local(gap["begin"], zone), _local(gap["end"], zone)
        line = f"nobody is {bare(gap['role'])} at {bare(gap['place'])} from {begin} to {finish} 值班空缺"
        console().print(Text(line))


def _told_of(record: Mapping[str, Any], zone: ZoneInfo) -> str:
    """What was changed or asked, in words; of a swap both turns."""
    what = record["what"] + (" (withdrawn 已撤回)" if record.get("withdrawn") else "")
    words = [what, record.get("night", ""), record.get("role", ""), record.get("place", "")]
    words += [
        record.get("person", ""),
        str(record.get("record", "")),
        "cannot 不能" if record.get("here") is False else "",
    ]
    changed = [_change(one, zone) for one in record.get("changes", ())]
    return " ".join(filter(None, words)) + (f": {'; '.join(changed)}" if changed else "")


def _change(change: Mapping[str, Any], zone: ZoneInfo) -> str:
    """As `li.na instead of chen.mei, night, 2026-12-01 20:00 to 2026-12-02 08:00`."""
    who = change.get("person", "nobody 无人")
    who += f" instead of 替 {change['instead']}" if change.get("instead") else ""
    where = " ".join(filter(None, (change.get("shift"), change.get("role"), change.get("place"))))
    times = f"{_local(change['from'], zone)} to 至 {_local(change['until'], zone)}"
    return ", ".join(filter(None, (who, where, times)))


def _night(night: Mapping[str, Any], zone: ZoneInfo) -> str:
    asked = ", ".join(f"{one['person']} {_local(one['at'], zone)}" for one in night["asked"])
    said = f"confirmed by {night['confirmed']} 已确认" if night["confirmed"] else "not confirmed 尚未确认"
    return bare(f"{night['night']}: {said}" + (f" (asked: {asked})" if asked else ""))


def _local(written: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(written).astimezone(zone):%Y-%m-%d %H:%M}"


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head)
    return table
