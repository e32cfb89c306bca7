"""Falls felt by accelerometers, beside the pipeline: windows go in, messages of our own come out.

Rule: a fall that was found is a message in the journal like any other (`devices.ourselves`): it goes ahead of
telemetry, is decided, stored and read again as what a device says. It is in the journal before a checkpoint
says that its window is done with, so after a crash it is either there or found again, and then a repeat.
Windows are looked at in the order in which they arrive, which is that of the journal.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import structlog

from devices.accelerometer import may_hold_motion
from devices.message import Message
from devices.ourselves import fall_message, rest_message
from devices.reading import Motion, Reason
from ingest.clock import Clock
from ingest.journal import Entry, Journal
from ingest.metrics import Metrics
from rules.falls.detector import Detector, Fall, Rest

log = structlog.get_logger()

WARM_MS = 15_000
"""Of signal before a crash is felt anew: 4 s before an impact, and 11 s until we say who lies still."""

REACH_MS = WARM_MS + 2 * 20_000
"""How far back in the journal that is looked for: a window comes when it ends, and the next one after that.

So of windows longer than 20 s a fall may be lost in a crash.
"""

_OLDEST_MS = 86_400_000
_CHUNK = 500
_PIECES = 8  # in one step: a message to be read, or some seconds of signal; a few ms


def message_of(felt: Fall | Rest, now: int) -> Message:
    """What was felt, as the message of ours that goes into the journal then (ms UTC)."""
    believed = now - felt.at <= _OLDEST_MS  # else it is of now: R-90 is of calls that waited
    at = felt.at if believed else now
    if isinstance(felt, Rest):
        return rest_message(felt.site, felt.device, at, felt.fall, now, moving=felt.moving)
    why = f"{felt.evidence}, confidence {felt.confidence:.2f}"  # who reads the alert sees both
    if not believed:
        why += "; the device's clock is wrong, or it came so late"
    return fall_message(felt.site, felt.device, at, felt.confidence, why, now)


class Felt:
    """The detector at work; `call` takes what it finds."""

    def __init__(
        self, detector: Detector, clock: Clock, metrics: Metrics, call: Callable[[Message], None]
    ) -> None:
        self._detector = detector
        self._clock, self._metrics, self._call = clock, metrics, call
        self._waiting: deque[tuple[int, Iterator[Sequence[Fall | Rest]]]] = deque()  # since when (our clock)
        self._forgotten = 0
        self._taken = self._done = 0  # of what was ever waiting

    def take(self, read: Callable[[], Sequence[tuple[str, Motion]]], received_at: int) -> None:
        """Take a message that was received then; `step` reads its windows, each with its site."""
        self._wait(received_at, self._pieces(read, received_at))

    def _pieces(
        self, read: Callable[[], Sequence[tuple[str, Motion]]], received_at: int
    ) -> Iterator[Sequence[Fall | Rest]]:
        motion = read()
        self._metrics.motion_windows.inc(len(motion))
        yield ()
        for window in motion:
            yield from self._detector.pieces(*window, received_at)

    def _wait(self, since: int, pieces: Iterator[Sequence[Fall | Rest]]) -> None:
        self._waiting.append((since, pieces))
        self._taken += 1

    @property
    def busy(self) -> bool:
        """Whether windows wait to be looked at."""
        return bool(self._waiting)

    def step(self) -> None:
        """Look at some pieces of what waits; a call for help waits for this to end."""
        for _ in range(_PIECES):
            if not self._waiting:
                return
            since, pieces = self._waiting[0]
            found = self._next(pieces)
            if found is None:
                self._waiting.popleft()
                self._done += 1
            else:
                self._tell(found, since)

    def drain(self) -> None:
        """Look at all that waits."""
        while self._waiting:
            self.step()

    async def caught_up(self) -> None:
        """Look at what waits now, in turns with others; not at what comes meanwhile."""
        upto = self._taken
        while self._done < upto:
            self.step()
            await asyncio.sleep(0)

    def tick(self, now: int) -> None:
        """Let time pass: a signal that has stopped is judged with what there is; `step` does the rest."""
        self._metrics.motion_forgotten.inc(self._detector.forgotten - self._forgotten)
        self._forgotten = self._detector.forgotten
        wake = self._detector.next_wake()
        if wake is not None and wake <= now and not self._waiting:
            self._wait(now, self._detector.stopped(now))
            self.step()

    def warm(
        self,
        journal: Journal,
        upto: int,
        ahead: Collection[int],
        motion: Callable[[Entry], Sequence[tuple[str, Motion]]],
    ) -> None:
        """Take up the signals where they were at entry `upto`; what was found by then was told.

        Likewise of entries `ahead` of it, which were felt, too.
        """
        past = _last_of(journal, upto)
        past += [entry for seq in sorted(ahead) for entry in journal.read(seq - 1, 1) if entry.seq == seq]
        for entry in past:
            if not may_hold_motion(entry.message):
                continue
            received, last = entry.message.received_at, past[-1].message.received_at
            for site, window in motion(entry):
                if received + 2 * window.length_ms + WARM_MS >= last:
                    pieces = self._detector.pieces(site, window, received)
                    while self._next(pieces) is not None:
                        pass

    def _next(self, pieces: Iterator[Sequence[Fall | Rest]]) -> Sequence[Fall | Rest] | None:
        """What follows from the next piece; None at the end. A bug costs one window, and no call for help."""
        try:
            return next(pieces, None)
        except Exception as error:  # noqa: BLE001
            log.error("detector_failed", error=type(error).__name__)  # noqa: TRY400  no values in logs
            self._metrics.rejected.labels(Reason.BUG).inc()
            return None

    def _tell(self, found: Iterable[Fall | Rest], since: int) -> None:
        for felt in found:
            if isinstance(felt, Fall):
                waited_s = (self._clock.now() - since) / 1000 / self._clock.speed
                self._metrics.latency.labels("felt").observe(max(0.0, waited_s))
                self._metrics.falls_felt.labels(felt.stage).inc()
                log.info("fall_felt", site=felt.site, device=felt.device, stage=felt.stage)
            self._call(message_of(felt, self._clock.now()))


def _last_of(journal: Journal, upto: int) -> list[Entry]:
    """What was received in the last seconds before entry `upto`, in order; of what the journal still has."""
    found: list[Entry] = []
    while upto > 0:
        chunk = [entry for entry in journal.read(max(upto - _CHUNK, 0), _CHUNK) if entry.seq <= upto]
        if not chunk:
            break
        found = chunk + found
        upto = chunk[0].seq - 1
        if chunk[0].message.received_at < found[-1].message.received_at - REACH_MS:
            break
    return found
