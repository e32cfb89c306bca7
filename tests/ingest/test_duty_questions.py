"""The question before a night goes out by every channel, again where it may work later, and is bounded."""

from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from alerts.assurance import Night, nights, question
from alerts.people import Person
from ingest.channels.webhook import Webhook
from ingest.duty_questions import Questions
from tests.alerts.test_assurance import ASSURANCE, at
from tests.service.receiver import SECRET, Receiver

pytestmark = pytest.mark.integration

NIGHT = list(nights([ASSURANCE], at("02 22:00")))[-1]


async def asked(*answers: Callable[[int], int], patience_s: float = 20.0) -> tuple[bool, list[Receiver]]:
    """Whether it reached somebody, by a channel for each way of answering."""
    async with AsyncExitStack() as stack:
        receivers = [stack.enter_context(Receiver(answer)) for answer in answers]
        hooks = [
            await stack.enter_async_context(Webhook(f"hook-{n}", one.url, SECRET.encode(), timeout_s=2.0))
            for n, one in enumerate(receivers)
        ]
        questions = Questions(hooks, "home-1", _link, patience_s)
        return await questions(Person("an"), NIGHT, question(NIGHT)), receivers


def _link(night: Night, person: Person) -> str:
    return f"https://x/{night.id}/{person.id}"


async def test_it_says_which_night_and_how_to_answer_and_one_channel_is_enough() -> None:
    reached, (refuses, takes) = await asked(lambda _: 400, lambda _: 204)
    assert reached
    assert refuses.told == []
    (told,) = takes.told
    assert told.body["night"] == "night.2026-12-02"
    assert told.body["person"] == "an"
    assert told.body["confirm"] == "https://x/night.2026-12-02/an"
    assert set(told.body["text"]) == {"zh-CN", "en"}  # type: ignore[call-overload]


async def test_what_may_work_later_is_tried_again() -> None:
    reached, (mended,) = await asked(lambda call: 503 if call < 2 else 204)
    assert reached
    assert mended.calls == 2


async def test_who_cannot_be_reached_is_not_waited_for_long() -> None:
    assert not (await asked(lambda _: 410))[0]
    assert not (await asked())[0]
    reached, (away,) = await asked(lambda _: 503, patience_s=0.5)
    assert not reached
    assert away.calls == 1
