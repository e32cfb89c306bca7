"""The question "are you on duty tonight?", sent to a person by every channel that has a way to them.

Rule: it is sent until some channel has it or time is up; who could not be reached is not waited for.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import orjson
import structlog

from alerts.assurance import Night
from alerts.outbox import Accepted, Delivered, Failed, Retry
from alerts.people import Language, Person
from alerts.view import iso
from ingest.channels import Channel, Delivery, Receipts
from rules.decision import Severity

log = structlog.get_logger()

PATIENCE_S = 30.0
"""How long is tried before the person counts as out of reach; less than anybody has to answer."""

_PAUSE_S = 2.0


class Questions:
    """A `duty_watch.Tell`. `link` makes the address by which who is asked answers ("": there is none)."""

    def __init__(
        self,
        channels: Sequence[Channel],
        site: str,
        link: Callable[[Night, Person], str] = lambda night, person: "",  # noqa: ARG005
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._channels, self._site, self._link = tuple(channels), site, link
        self._patience_s = patience_s

    async def __call__(self, person: Person, night: Night, text: Mapping[Language, str]) -> bool:
        """Send it; whether any channel has it."""
        delivery = self._delivery(person, night, text)
        async with asyncio.TaskGroup() as tasks:
            sending = [
                tasks.create_task(self._send(channel, delivery), name=f"ask-{channel.name}")
                for channel in self._channels
            ]
        return any(task.result() for task in sending)

    async def _send(self, channel: Channel, delivery: Delivery) -> bool:
        try:
            async with asyncio.timeout(self._patience_s):
                while True:
                    match await channel.send(delivery):
                        case Delivered() | Accepted():
                            return channel.receipts is not Receipts.NONE
                        case Failed(why):
                            log.warning("duty_question_failed", channel=channel.name, why=why)
                            return False
                        case Retry(_, after_s):
                            await asyncio.sleep(after_s or _PAUSE_S)
        except TimeoutError:
            log.warning("duty_question_failed", channel=channel.name, why="no answer")
            return False

    def _delivery(self, person: Person, night: Night, text: Mapping[Language, str]) -> Delivery:
        said = {language.value: words for language, words in text.items()}
        link = self._link(night, person)
        content = {
            "event": "duty_question",
            "night": night.id,
            "person": person.id,
            "begin": iso(night.begin),
            "end": iso(night.end),
            "text": said,
        }
        return Delivery(
            notification=f"{night.id}-{person.id}",
            alert="",
            site=self._site,
            content=orjson.dumps(content | ({"confirm": link} if link else {})),
            resolved=False,
            recipient=person,
            text=said,
            private_text=said,
            severity=Severity.HIGH,
            links={"confirm": link} if link else {},
        )
