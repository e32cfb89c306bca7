"""Channels over HTTP: how each fares, a test of one, and what receivers say afterwards.

Rule: a receipt counts only when it is signed with the secret of the channel it came by.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal, Protocol

import structlog
from fastapi import APIRouter, Depends, Path, Request
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from alerts.acts import Refused
from alerts.episode import Episode
from alerts.outbox import Accepted, Delivered, Failed, Receipt
from alerts.people import Person
from alerts.view import iso
from ingest.asked import PROBLEMS, Id, Name, Problem, refused
from ingest.border import answer, problem
from ingest.channels import Delivery
from ingest.channels.made import Channels
from ingest.channels.webhook import verify
from rules.decision import Severity

log = structlog.get_logger()

RECEIPTS_PATH = "/api/v1/receipts"
"""Open at the border: the signature is looked at here."""

_TEXT = {
    "zh-CN": "【测试】守望通知测试，无需处理\n由{by}发起",
    "en": "[TEST] Shouwang test message, nothing to do\nasked for by {by}",
}


class ReceiptDesk(Protocol):
    """Who is told what became of messages."""

    def receipt(self, notification: str, channel: str, to: str, *, delivered: bool, why: str = "") -> None:
        """A receiver has it, or will not get it."""
        ...

    async def acknowledge(
        self, episode: str, by: str, note: str = "", source: str = "api", seen: int | None = None
    ) -> Episode | Refused:
        """A named person takes charge."""
        ...

    def get(self, episode: str) -> Episode | None:
        """One episode, however old."""
        ...


class Trial(BaseModel):
    """A test of a channel, to one person or to the channel itself."""

    model_config = ConfigDict(extra="forbid")
    by: Name
    to: Id = ""


class ReceiptGiven(BaseModel):
    """What became of a message, by its receiver. `key` "1" pressed on the telephone takes charge."""

    model_config = ConfigDict(extra="forbid")
    channel: Id
    notification: Id
    to: Id = ""
    status: Literal["delivered", "answered", "failed"]
    key: Annotated[str, Field(pattern=r"^[0-9*#]{0,8}$")] = ""
    why: Annotated[str, Field(max_length=100)] = ""


_NO_SUCH: dict[int | str, dict[str, object]] = {404: {"model": Problem, "description": "No such channel"}}
_Name = Annotated[str, Path(max_length=64)]


def routes(
    channels: Channels,
    desk: ReceiptDesk,
    person: Callable[[str], Person | None],
    secrets: dict[str, bytes],
    now_s: Callable[[], float] = lambda: datetime.now(UTC).timestamp(),
) -> APIRouter:
    """The routes. `secrets` are those of the channels that may give receipts, by name."""
    router = APIRouter(
        prefix="/api/v1", dependencies=[Depends(HTTPBearer(auto_error=False))], responses=PROBLEMS
    )

    @router.get("/channels")
    async def list_channels() -> Response:
        """Every channel: whether it works (`circuit`), when it last did and did not, and why."""
        listed = [
            {
                "channel": one.name,
                "addressed": one in channels.addressed,
                "receipts": one.receipts.value,
                "circuit": one.circuit.value,
                "delivered_at": _when(one.health.delivered_at),
                "failed_at": _when(one.health.failed_at),
                "why": one.health.why or None,
            }
            for one in (*channels.everyone, *channels.addressed)
        ]
        return answer(200, {"channels": listed})

    @router.post("/channels/{name}/test", responses=_NO_SUCH)
    async def test_channel(name: _Name, asked: Trial) -> Response:
        """Send one message marked as a test, now; says what became of it."""
        channel = next((one for one in channels.addressed if one.name == name), None)
        if channel is None:
            return problem(
                404,
                "unknown_channel",
                "there is no [[channel]] of this name in the configuration (a new one takes a restart)",
            )
        whom = person(asked.to) if asked.to else None
        if asked.to and whom is None:
            return problem(
                404, "unknown_person", "nobody of this id is in the duty file: give the id of a [[person]]"
            )
        text = {language: words.format(by=asked.by) for language, words in _TEXT.items()}
        receipt = await channel.send(
            Delivery(
                notification="test",
                alert="test",
                site="",
                content=b'{"v":1,"test":true}',
                resolved=False,
                recipient=whom,
                text=text,
                private_text=text,
                severity=Severity.INFO,
                life_safety=True,
                calls=False,
            )
        )
        return answer(200, {"channel": name, **_became(receipt)})

    @router.post("/receipts", responses={401: {"model": Problem, "description": "Not signed, or wrongly"}})
    async def receive(request: Request) -> Response:
        """What became of a message, told by a gateway: signed as our webhooks are, with the channel's secret.

        `{"channel": ..., "notification": ..., "to": ..., "status": ..., "key": ..., "why": ...}`: the first
        three as they stood in the message; `status` is delivered, answered or failed. Safe to repeat.
        `answered` with key "1" takes charge in the name of whom was called.
        """
        content = await request.body()
        try:
            given = ReceiptGiven.model_validate_json(content)
        except ValidationError:
            return problem(422, "invalid", "give channel, notification, to and status")
        secret = secrets.get(given.channel)
        if secret is None or not verify(secret, request.headers, content, now_s()):
            return problem(401, "unauthorized", "sign it with that channel's secret when you send it")
        delivered = given.status != "failed"
        desk.receipt(given.notification, given.channel, given.to, delivered=delivered, why=given.why[:100])
        if given.status == "answered" and given.key == "1" and given.to:
            if person(given.to) is None:
                return problem(
                    404, "unknown_person", "nobody of this id is in the duty file: give `to` as it came"
                )
            return await _take_charge(given)
        return answer(200, {"status": "noted"})

    async def _take_charge(given: ReceiptGiven) -> Response:
        alert, _, number = given.notification.rpartition("-")
        # Without the number of the call nobody knows what they heard: then they have seen nothing.
        seen = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
        found = await desk.acknowledge(alert, given.to, source=f"voice:{given.channel}", seen=seen)
        if isinstance(found, Refused):
            return refused(found)
        return answer(200, {"status": "acknowledged", "by": found.acknowledged_by})

    return router


def _when(at: int | None) -> str | None:
    return None if at is None else iso(at)


def _became(receipt: Receipt) -> dict[str, object]:
    match receipt:
        case Delivered():
            return {"result": "delivered", "detail": "the receiver has it"}
        case Accepted():
            return {"result": "accepted", "detail": "the service took it: look whether it arrives"}
        case Failed(why):
            return {"result": "refused", "detail": why}
        case _:
            return {"result": "failed", "detail": receipt.why}
