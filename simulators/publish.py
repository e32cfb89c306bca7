"""Plays publications over MQTT on a shared clock. Rule: nothing is said before its time, and nothing is lost.

Each connection of the simulated world is an MQTT connection of its own, so that a last will is a last will.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable

from simulators.broker import Broker
from simulators.clock import ClockAnchor, real_now_ms
from simulators.link import Link, Patience, Tell
from simulators.publication import Connection, Publication

WINDOW = 500
"""Publications of one connection that may wait for their acknowledgement."""

STOP_WITHIN_S = 5.0
"""How long an early end waits for the broker."""


async def publish(
    publications: Iterable[Publication],
    connections: Iterable[Connection],
    broker: Broker,
    anchor: ClockAnchor,
    *,
    said: Callable[[Publication], None],
    tell: Tell,
    stop: asyncio.Event | None = None,
    window: int = WINDOW,
    patience: Patience | None = None,
    stop_within_s: float = STOP_WITHIN_S,
) -> None:
    """Publishes all in order, each when the anchor's clock comes to it (speed 0: as fast as it goes).

    `said` hears of each publication when the broker has acknowledged it, or when its connection was cut.
    Setting `stop` ends early: what is on its way is still acknowledged. Raises `BrokerUnreachableError`,
    in an exception group, when a link's patience is at its end.
    """
    client = f"sim-{secrets.token_hex(4)}"
    links = {
        each.name: Link(
            broker, each, client_id=client, window=window, said=said, tell=tell, patience=patience
        )
        for each in connections
    }
    stop = stop or asyncio.Event()
    try:
        async with asyncio.timeout(None) as deadline, asyncio.TaskGroup() as group:
            limit = group.create_task(_limit(stop, deadline, stop_within_s), name="stop limit")
            serving = [group.create_task(link.serve(), name=f"link {name}") for name, link in links.items()]
            for publication in publications:
                if stop.is_set() or not await _time_has_come(publication.at_ms, anchor, stop):
                    break
                if publication.will:  # a power cut comes after all that was said before it, on any connection
                    await _drain(links.values())
                await links[publication.via].publish(publication)
                if publication.will:
                    await _drain(links.values())
            for link in links.values():
                await link.close()
            await asyncio.gather(*serving)
            limit.cancel()
    except TimeoutError:
        tell(f"stopped; the broker has not acknowledged everything within {stop_within_s:.0f} s")


async def _drain(links: Iterable[Link]) -> None:
    for link in links:
        await link.drain()


async def _limit(stop: asyncio.Event, deadline: asyncio.Timeout, within_s: float) -> None:
    await stop.wait()
    deadline.reschedule(asyncio.get_running_loop().time() + within_s)


async def _time_has_come(at_ms: int, anchor: ClockAnchor, stop: asyncio.Event) -> bool:
    """Waits for an instant of the simulation; False when asked to stop before."""
    delay_s = (anchor.real_at(at_ms) - real_now_ms()) / 1000 if anchor.speed else 0.0
    if delay_s <= 0:
        return True
    try:
        await asyncio.wait_for(stop.wait(), delay_s)
    except TimeoutError:
        return True
    return False
