"""Alerts on a terminal as things happen to them.

Rule: what is missed while the service or the network is away is told once they are back, in order.
"""

import time
from collections.abc import Mapping
from typing import Any

import httpx

from alerts.event import State
from alerts.notification import words
from ingest.commands.client import Service
from ingest.commands.console import end, json_line, plain, told
from ingest.commands.quarantine_shown import console

_PAUSE_S = 2.0
_SHOWN = 200


def follow(service: Service, *, as_json: bool) -> None:
    """Show what is open (as JSON: that it is connected), then what happens, until Ctrl-C.

    Ends the program when the service is not there.
    """
    last: int | None = None
    connected = False
    try:
        while True:
            try:
                for event in service.events(last):
                    if event is not None:
                        last = event[0]
                        _show(service, event[1], as_json=as_json)
                    elif last is None:  # what came before an event with a number cannot be asked for again
                        connected = True
                        _show_open(service, as_json=as_json)
            except httpx.HTTPError as error:
                if not connected:
                    end(f"{service.url} does not answer ({type(error).__name__}): is the service running?")
            told.print("连接中断，正在重连 connection lost, trying again", style="yellow")
            time.sleep(_PAUSE_S)
    except KeyboardInterrupt:
        return


def detail(event: Mapping[str, Any]) -> str:
    """Who or what an event tells of, and what was seen, in one line."""
    match event["event"]:
        case "notified":
            whom = ", ".join(f"{it['to'] or 'everyone'} by {it['channel']}" for it in event["to"])
            nobody = f"; nobody on duty as {', '.join(event['nobody'])}" if event.get("nobody") else ""
            return f"step {event['step'] + 1}: {whom or _NO_PERSON}{nobody}"
        case "delivered" | "undelivered":
            why = event.get("why", "")
            return f"{event['to'] or 'everyone'} by {event['channel']}{f': {why}' if why else ''}"
        case _:
            parts = (event.get("subject"), event.get("by"), event.get("source"), event.get("outcome"))
            said = " ".join(part for part in parts if part)
            return ": ".join(filter(None, (said, _seen(event))))


_NO_PERSON = "大屏和回调，未指定任何人 displays and webhooks, no person"


def _seen(event: Mapping[str, Any]) -> str:
    """What was seen: of evidence which kind of it, or how long she has lain, and what a device said of it."""
    lay_s = (event.get("facts") or {}).get("step_s")
    if isinstance(lay_s, int):
        what = f"跌倒 {spoken(lay_s)} 后仍未起身 not up {spoken(lay_s)} after the fall"
    else:
        what = " ".join(words(event["kind"])) if event.get("kind") else ""
    return ", ".join(filter(None, (what, (event.get("evidence") or {}).get("detail", ""))))


def spoken(seconds: int) -> str:
    """A length of time: 40 s, 3 min."""
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min"


_CALLS = frozenset(("opened", "evidence", "released", "lapsed"))


def _show_open(service: Service, *, as_json: bool) -> None:
    if as_json:  # on stderr, so that whoever reads the output knows from when on it is whole
        told.print("已连接，此后发生的逐行输出 connected: what happens from now on follows")
        return
    found = service.get("/api/v1/alerts", {"order": "urgent", "limit": _SHOWN})["alerts"]
    told.print(f"{len(found)} 条未处理完毕 not resolved", style="bold" if found else "green")
    for one in found:
        _line(one["raised_at"], one["alert"], one["state"], _text(one), urgent=one["state"] == State.OPEN)


def _show(service: Service, event: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        json_line(event)
        return
    alert = event.get("alert")
    if alert is None:
        _line(event["at"], event.get("suspension") or event.get("suppression", ""), event["event"], "")
        return
    text = plain(detail(event))
    calls = event["event"] in _CALLS and event.get("weight", "call") == "call"
    if calls and (found := service.find(f"/api/v1/alerts/{alert}")):
        text = f"{_text(found)} {text}"
    _line(event["at"], alert, event["event"], text, urgent=calls)


def _text(alert: Mapping[str, Any]) -> str:
    return plain(f"{alert['text']['zh-CN']} {alert['text']['en']}")


def _line(at: str, about: str, what: str, text: str, *, urgent: bool = False) -> None:
    console().print(
        f"{plain(at)} {plain(about)} {plain(what)} {text}", style="bold red" if urgent else "", soft_wrap=True
    )
