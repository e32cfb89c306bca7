"""Falls felt by accelerometers, beside the pipeline: windows go in, messages of our own come out.

Rule: a fall that was found is a message in the journal like any other (`devices.ourselves`): it goes ahead of
telemetry, is decided, stored and read again as what a device says; found again after a crash it is a repeat.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from devices.message import Message
from devices.ourselves import fall_message, rest_message
from devices.reading import Motion
from ingest.clock import Clock
from ingest.journal import Entry, Journal
from ingest.metrics import Metrics
from rules.falls.detector import Detector, Fall, Rest
from rules.falls.model import Model

log = structlog.get_logger()

_WARM_MS = 10_000  # of signal before a crash: an impact is judged with four seconds before it
_CHUNK = 500


def message_of(felt: Fall | Rest, now: int) -> Message:
    """What was felt, as the message of ours that goes into the journal then (ms UTC)."""
    if isinstance(felt, Rest):
        return rest_message(felt.site, felt.device, felt.at, felt.fall, now, moving=felt.moving)
    return fall_message(felt.site, felt.device, felt.at, felt.confidence, felt.evidence, now)


class Felt:
    """The detector at work; `call` takes what it finds."""

    def __init__(
        self, models: Mapping[str, Model], clock: Clock, metrics: Metrics, call: Callable[[Message], None]
    ) -> None:
        self._detector = Detector(models)
        self._clock, self._metrics, self._call = clock, metrics, call

    def take(self, motion: Sequence[tuple[str, Motion]], received_at: int) -> None:
        """Take the windows of a message that was received then (ms, our clock)."""
        for site, window in motion:
            self._metrics.motion_windows.inc()
            self._tell(self._detector.observe(site, window, received_at))

    def tick(self, now: int) -> None:
        """Let time pass: a signal that has stopped is judged with what there is."""
        if (wake := self._detector.next_wake()) is not None and wake <= now:
            self._tell(self._detector.tick(now))

    def warm(
        self, journal: Journal, upto: int, motion: Callable[[Entry], Sequence[tuple[str, Motion]]]
    ) -> None:
        """Take what was felt just before entry `upto` once more, after a start; found again is a repeat."""
        chunks: list[list[Entry]] = []
        last = upto
        while last > 0 and (chunk := journal.read(max(last - _CHUNK, 0), min(_CHUNK, last))):
            chunks.append([entry for entry in chunk if entry.seq <= last])
            last = chunk[0].seq - 1
            if chunk[0].message.received_at < chunks[0][-1].message.received_at - _WARM_MS:
                break
        for chunk in reversed(chunks):
            for entry in chunk:
                self.take(motion(entry), entry.message.received_at)

    def _tell(self, found: Iterable[Fall | Rest]) -> None:
        for felt in found:
            if isinstance(felt, Fall):
                self._metrics.falls_felt.labels(felt.stage).inc()
                log.info("fall_felt", site=felt.site, device=felt.device, stage=felt.stage)
            self._call(message_of(felt, self._clock.now()))
