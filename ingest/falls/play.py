"""Recordings through the real path: decoded, normalised, judged, and given to the rules, as when live.

Rule: every recording alone, from a device of its own and with nothing known before; what counts is a fall in
an alert. One more of the same minute, for which nobody is called again, counts too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from alerts.event import EvidenceAdded, Opened
from devices.observation import Observation
from devices.registry import Registry
from ingest.falls.figures import Alarm, Outcome
from ingest.falls.picture import Judged
from ingest.falls.recordings import Recording
from ingest.falls.sending import BEGIN_MS, SITE, Sending, messages
from ingest.replay import Happening, Trial
from ingest.replay import Recording as Heard
from rules.falls import RATE_HZ
from rules.falls.candidate import Samples, impacts
from rules.falls.features import BEFORE
from rules.falls.model import Model, Stage, Verdict
from rules.falls.resample import resample
from rules.ruleset import RuleSet

_NOBODY = Registry()


class Stopped(Exception):  # noqa: N818  nothing is wrong
    """Nobody waits for the outcome any more."""


class Said(NamedTuple):
    """What a model said of which samples."""

    samples: Samples
    stage: Stage
    verdict: Verdict


class Witness:
    """A model that remembers what it said; owned by the play of one recording."""

    def __init__(self, model: Model, said: list[Said]) -> None:
        self._model, self._said = model, said

    def judge(self, samples: Samples, stage: Stage) -> Verdict:
        """See `rules.falls.model.Model`."""
        verdict = self._model.judge(samples, stage)
        self._said.append(Said(samples, stage, verdict))
        return verdict


def play(
    recording: Recording,
    rules: RuleSet,
    models: Mapping[str, Model],
    sending: Sending,
    stopped: Callable[[], bool] = bool,
) -> tuple[Outcome, list[Said]]:
    """What came of a recording, and every verdict on the way, in order; raises `Stopped` once it is."""
    said: list[Said] = []
    heard = Heard(_NOBODY, SITE, {position: Witness(model, said) for position, model in models.items()})
    trial = Trial(rules, _NOBODY, SITE)
    alarms: list[Alarm] = []
    for message in messages(recording, sending):
        if stopped():
            raise Stopped
        alarms += _alarms(trial, heard.happenings(message), said)
    while (wake := heard.next_wake()) is not None:  # the device is silent: what it left is judged
        alarms += _alarms(trial, heard.passed(wake), said)
    start_s = recording.fall_start_s
    outcome = Outcome(
        group=recording.group,
        name=recording.name,
        person=recording.person,
        age_group=recording.age_group,
        activity=recording.activity,
        is_fall=recording.is_fall,
        duration_s=recording.duration_s,
        fall_start_s=None if start_s is None else start_s - float(recording.t_s[0]),
        alarms=tuple(alarms),
        refused=heard.rejected,
        judged=len(said),
    )
    return outcome, said


def _alarms(trial: Trial, happenings: Iterable[Happening], said: Sequence[Said]) -> Iterator[Alarm]:
    """The falls that open an alert, or are added to it."""
    for happening in happenings:
        for event, episode in trial.take(happening):
            if (
                isinstance(happening, Observation)
                and happening.metric == "fall"  # what comes after one is a note of the same kind
                and isinstance(event, (Opened, EvidenceAdded))
                and episode.kind_of(event) == "fall"
            ):
                yield _alarm(happening, said)


def _alarm(fall: Observation, said: Sequence[Said]) -> Alarm:
    stages = [
        one.stage
        for one in said
        if one.verdict.fall and fall.detail.startswith(f"{one.verdict.evidence}, confidence ")
    ]
    return Alarm(
        impact_s=(fall.at - BEGIN_MS) / 1000,
        called_s=(fall.received_at - BEGIN_MS) / 1000,
        provisional=stages[-1:] == [Stage.PROVISIONAL],
        confidence=fall.confidence or 0.0,
        evidence=fall.detail,
    )


def placed(recording: Recording, said: Iterable[Said]) -> list[Judged]:
    """When each impact was that was judged, for a picture: where the recording is most like its samples."""
    since = recording.t_s - recording.t_s[0]
    start, signal = resample(since, recording.xyz, recording.fs_hz)
    struck = impacts(signal, 0, len(signal))
    if not struck:
        return []
    rows = np.array(struck)[:, None] + np.arange(-BEFORE, Stage.FINAL.after + 1)
    around = signal[np.clip(rows, 0, len(signal) - 1)]
    found: list[Judged] = []
    for samples, stage, verdict in said:
        away = np.abs(around[:, : len(samples)] - samples).sum(axis=(1, 2))
        at = (start + struck[int(away.argmin())]) / RATE_HZ
        found.append(Judged(at, stage is Stage.PROVISIONAL, *verdict))
    return found
