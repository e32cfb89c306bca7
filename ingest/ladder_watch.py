"""The watch over the file of ladders: a change holds from the next step on, or not at all.

Rule: ladders with a mistake never replace good ones; a call under way goes on by the ladder of its name.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from alerts import ladder_file
from alerts.duty_file import DutyFile
from alerts.ladder import Ladder
from devices.registry import Registry
from devices.registry_files import Problem
from ingest.config import Config
from ingest.text_file import read_text, signature

log = structlog.get_logger()

LOOK_S = 1.0
_MOST_LOGGED = 50


def load(
    config: Config, registry: Registry | None, duty: DutyFile | None
) -> tuple[Ladder, ...] | list[Problem]:
    """The ladders of the configuration's file, or all that is wrong with it."""
    if config.ladders is None:
        return ()
    text = read_text(config.ladders)
    if isinstance(text, Problem):
        return [text]
    found = ladder_file.load(
        text,
        channels=[one.name for one in config.channel],
        places=registry.places if registry else None,
        roles=duty.roles if duty else None,
        people=duty.people if duty else None,
    )
    if isinstance(found, list):
        return [Problem(str(config.ladders), one.line, f"{one.where}: {one.message}") for one in found]
    return found


@dataclass(slots=True)
class LadderWatch:
    """Looks at the file. `duty` is the rota of now (None: none is kept), `take` takes up other ladders."""

    config: Config
    registry: Registry
    duty: Callable[[], DutyFile | None]
    take: Callable[[tuple[Ladder, ...]], None]
    ladders: tuple[Ladder, ...]
    problems: list[Problem] = field(default_factory=list)

    async def run(self) -> None:
        """Look at the file from time to time, until cancelled."""
        path = self.config.ladders
        if path is None:
            return
        read = seen = await asyncio.to_thread(signature, path)
        await self.reload()  # it may have changed since the service read it
        while True:
            await asyncio.sleep(LOOK_S)
            before, seen = seen, await asyncio.to_thread(signature, path)
            if seen != read and seen == before:  # whole: nobody is writing it any more
                read = seen
                await self.reload()

    async def reload(self) -> bool:
        """Take up the file as it is now; whether it is good."""
        found = await asyncio.to_thread(load, self.config, self.registry, self.duty())
        self.problems = found if isinstance(found, list) else []
        if isinstance(found, list):
            for problem in found[:_MOST_LOGGED]:
                log.error("ladders_invalid", problem=str(problem))
            log.error("ladders_kept", problems=len(found))
            return False
        if found != self.ladders:
            self.ladders = found
            self.take(found)
            log.info("ladders_changed", count=len(found))
        return True
