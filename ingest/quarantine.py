"""What nobody understood, tried again: after an upgrade, or once the registry knows the device.

Rule: what is understood now is stored with its own time and changes no rule, except that a call for help or
a fall of the last 24 h alerts, late, with its age (R-90). Trying twice changes nothing.
"""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, ParamSpec, TypeVar

import psycopg
import structlog

from devices.message import Message
from devices.metrics import METRICS
from devices.observation import Observation, Quality
from devices.reading import Reason, Rejected
from devices.usability import USABLE
from ingest.clock import Clock
from ingest.interpret import Interpreted
from ingest.seal import Seal
from ingest.store import quarantine as table
from ingest.store.quarantine import Answer, Choice, Held, Sealed
from ingest.store.rows import REFUSED

log = structlog.get_logger()

CALLS = frozenset(("sos", "fall", "fall_suspected"))
"""What alerts although it was understood late."""

_THREADS = 4  # of its own: a database that does not answer must not take those that others need
_MOST_AT_ONCE = 16  # requests, for each holds a connection of the API
_CONNECT_TIMEOUT_S = 5
_OPTIONS = "-c statement_timeout=60000 -c timezone=UTC"

T = TypeVar("T")
P = ParamSpec("P")

Interpret = Callable[[Message], Interpreted]
Recall = Callable[[Sequence[Observation], int], None]


class Tried(NamedTuple):
    """What a retry made of one row: the metrics it speaks of now, observations stored, why it still waits.

    No values: they are about health. `opened` is False when the row was sealed with another key.
    """

    id: int
    understood: bool = False
    metrics: Sequence[str] = ()
    observations: int = 0
    reason: str = ""
    detail: str = ""
    opened: bool = True


class Retried(NamedTuple):
    """What a retry did: rows looked at, those understood whole, observations stored, calls told.

    `last` is the id of the last row looked at, for the next turn; `unopened` are rows of another key. `rows`
    says it of each row in order, but for those that another retry was faster with.
    """

    looked_at: int = 0
    understood: int = 0
    observations: int = 0
    calls: int = 0
    unopened: int = 0
    last: int = 0
    rows: Sequence[Tried] = ()


class Quarantine(contextlib.AbstractContextManager["Quarantine"]):
    """The quarantine of a running service; a context that waits for nothing at its end.

    Its methods raise `psycopg.Error` while the database is away, or more is asked at once than it can do.

    `interpret` says what a message means now; `recall` hands calls of the past to the rules at a time (ms),
    and `recorded` returns once what follows from them is durable.
    """

    def __init__(
        self,
        dsn: str,
        seal: Seal,
        interpret: Interpret,
        recall: Recall,
        recorded: Callable[[], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._dsn, self._seal = dsn, seal
        self._interpret, self._recall, self._recorded, self._clock = interpret, recall, recorded, clock
        self._turn = asyncio.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, "quarantine")
        self._asked = 0

    def __exit__(self, *_: object) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def held(self, choice: Choice) -> list[Held]:
        """Rows as people may see them."""
        with self._place():
            return await self._aside(self._query, table.held, choice)

    async def counts(self, choice: Choice) -> list[tuple[str, str, int]]:
        """How many there are, by family and reason."""
        with self._place():
            return await self._aside(self._query, table.counts, choice)

    async def in_clear(self, row: int) -> Message | None:
        """The message of a row as it came; None when there is no such row, or its key is not here."""
        with self._place():
            found = await self._aside(self._query, table.sealed, Choice(ids=(row,), waiting=False, limit=1))
        # who may ask is the border's business; that it was done is told
        log.info("quarantine_opened", row=row)
        return table.message_of(found[0], self._seal) if found else None

    async def retry(self, choice: Choice) -> Retried:
        """Interpret the chosen rows again, tell what calls for help, then store what is new."""
        with self._place():
            async with self._turn:
                return await self._retry(choice)

    async def _retry(self, choice: Choice) -> Retried:
        rows = await self._aside(self._query, table.sealed, choice)
        answers: list[Answer] = []
        tried: dict[int, Tried] = {}
        seen: set[int] = set()
        unopened = calls = 0
        now = self._clock.now()
        for row in rows:
            message = table.message_of(row, self._seal)
            if message is None:
                unopened += 1
                tried[row.id] = Tried(row.id, opened=False)
                continue
            said = self._interpret(message)
            fresh = await self._fresh(row, said, seen)
            urgent = [_late_call(o, now) for o in fresh if _calls(o, now)]
            self._recall(urgent, now)
            calls += len(urgent)
            answers.append(Answer(row, [_as_history(o, now) for o in fresh], _still(said)))
            tried[row.id] = _tried(answers[-1], said)
            await asyncio.sleep(0)  # a call for help that comes in meanwhile does not wait
        await self._recorded()  # a call is told before the row says that nothing is left to do
        done = await self._aside(self._store, answers)
        stored = []
        for answer, taken in zip(answers, done, strict=True):
            if taken:
                stored.append(answer)
            elif taken is None:
                tried[answer.row.id] = Tried(answer.row.id, reason=Reason.UNSTORABLE)
            else:
                del tried[answer.row.id]
        return Retried(
            len(rows),
            sum(not answer.rejected for answer in stored),
            sum(len(answer.observations) for answer in stored),
            calls,
            unopened,
            rows[-1].id if rows else choice.after,
            tuple(tried.values()),
        )

    async def _fresh(self, row: Sealed, said: Interpreted, seen: set[int]) -> list[Observation]:
        """What of a message is not stored yet, nor said by another of these rows."""
        before: set[int] = set()
        if row.stored or not row.sealed:  # rows from before there was a seal do not say what was stored
            before = await self._aside(self._before, row, said.observations)
        fresh = [
            o
            for n, (o, identity) in enumerate(zip(said.observations, said.identities, strict=True))
            # A message of then says nothing of whether the device's readings can be used now.
            if n not in before and identity not in seen and o.metric != USABLE
        ]
        seen.update(identity for identity in said.identities if identity)
        return fresh

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        """One of the places for those who ask."""
        if self._asked >= _MOST_AT_ONCE:
            raise psycopg.OperationalError("too much is asked at once")
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1

    async def _aside(self, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """The result of database work, done beside the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, functools.partial(work, *args, **named))

    def _query(self, query: Callable[[psycopg.Connection, Choice], T], choice: Choice) -> T:
        with self._connection() as database:
            return query(database, choice)

    def _before(self, row: Sealed, observations: Sequence[Observation]) -> set[int]:
        with self._connection() as database:
            return table.stored_before(database, row, observations)

    def _store(self, answers: Sequence[Answer]) -> list[bool | None]:
        with self._connection() as database:
            return [_stored(database, answer) for answer in answers]

    def _connection(self) -> psycopg.Connection:
        return psycopg.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
            options=_OPTIONS,
            keepalives_idle=10,  # a peer that is gone without a word holds up the end for half a minute
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=30_000,
        )


def _stored(database: psycopg.Connection, answer: Answer) -> bool | None:
    """Whether it was stored; None when the database will not have it, which holds up no other row."""
    try:
        return table.store(database, answer)
    except REFUSED as error:
        log.warning("entry_unstorable", row=answer.row.id, error=type(error).__name__)
        return None


def _calls(o: Observation, now: int) -> bool:
    current = o.quality in {Quality.GOOD, Quality.UNCERTAIN}
    return o.metric in CALLS and o.value is True and current and now - o.at <= METRICS[o.metric].lateness.ms


def _late_call(o: Observation, now: int) -> Observation:
    """As the rules take it: heard of now, and as old as it is."""
    return o._replace(received_at=now, late=False)


def _as_history(o: Observation, now: int) -> Observation:
    """As it is stored: nobody acted on it at its time, but for a call that is told now."""
    return o if _calls(o, now) else o._replace(late=True)


def _tried(answer: Answer, said: Interpreted) -> Tried:
    still = answer.rejected
    return Tried(
        answer.row.id,
        not still,
        tuple(dict.fromkeys(o.metric for o in said.observations)),
        len(answer.observations),
        still[0].reason.value if still else "",
        table.reasons(still),
    )


def _still(said: Interpreted) -> Sequence[Rejected]:
    """What is still not understood; what the database once refused may be stored now."""
    return [rejected for rejected in said.rejected if rejected.reason is not Reason.UNSTORABLE]
