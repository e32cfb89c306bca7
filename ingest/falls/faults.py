"""Recordings that no device can have made: named, never played, in no share and in no hours.

Rule: what is refused here is what the devices' protocol would not take, or too short to tell anything of.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from devices.accelerometer import MOST_G, NEVER_G, RATES
from ingest.falls.figures import Refused
from ingest.falls.recordings import Recording

SHORTEST_S = 1.0
_LONGEST_GAP_S = 1e7
_SCALED_STEP_S = 5.0
_UNITS = ((5e6, "ns"), (5e3, "µs"), (0.0, "ms"))


class Fault(NamedTuple):
    """Why a recording is none: the same words for all of a kind, and what was seen in this one."""

    reason: str
    seen: str


def fault(recording: Recording) -> Fault | None:
    """What is wrong with a recording, if anything."""
    strongest = float(np.abs(recording.xyz).max())
    if strongest > MOST_G:
        return Fault(
            f"a sample is beyond {MOST_G} g: a*_g are in g, no counts of a sensor", _few(strongest, "g")
        )
    with np.errstate(over="ignore"):
        steps = np.diff(recording.t_s)
    if len(steps) and not steps.any():
        return Fault("t_s is the same in all of its rows", f"{recording.t_s[0]:g}")
    step_s = float(np.median(steps)) if len(steps) else 0.0
    if step_s >= _SCALED_STEP_S:
        unit = next(unit for least, unit in _UNITS if step_s >= least)
        return Fault(f"t_s are seconds; yours look like {unit}", _few(step_s, "s a step"))
    if len(steps) and float(steps.max()) >= _LONGEST_GAP_S:
        return Fault(f"t_s has a gap of {_LONGEST_GAP_S:g} s or more", _few(float(steps.max()), "s"))
    if recording.duration_s < SHORTEST_S:
        return Fault(f"it lasts less than {SHORTEST_S:g} s", _few(recording.duration_s, "s"))
    if not RATES[0] <= recording.fs_hz <= RATES[1]:
        return Fault(
            f"t_s gives a rate that no device has: {RATES[0]} to {RATES[1]} Hz", _few(recording.fs_hz, "Hz")
        )
    return None


def _few(number: float, unit: str) -> str:
    return f"{number:.3g} {unit}"


def sorted_out(recordings: Iterable[Recording]) -> tuple[list[Recording], list[Refused]]:
    """The recordings that can be played, and the others."""
    good: list[Recording] = []
    refused: list[Refused] = []
    for one in recordings:
        if (found := fault(one)) is None:
            good.append(one)
        else:
            refused.append(Refused(one.group, one.name, *found))
    return good, refused


def heavy(recordings: Sequence[Recording]) -> list[tuple[str, float]]:
    """The names of recordings whose gravity is too strong to be in g, each with what it measures."""
    levels = ((one.name, float(np.median(np.linalg.norm(one.xyz, axis=1)))) for one in recordings)
    return [(name, level) for name, level in levels if level > NEVER_G]
