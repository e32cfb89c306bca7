"""What a sign of life is. Rule: a sign is something that only a person moving, or seen by another, can cause.

One definition for the rule `inactivity` and for the learned routine: what is learned is what is watched.
When in doubt it is no sign: to ask once too often is the safe error, to take a fan for a person is not.

Told each time it is reported (`AT_ONCE`):
- `motion`, `vibration`, `moving`: while true somebody, or something touched, moves. Their end says nothing.
- `bed_exit`, `bed_enter`, `turned`: a movement has just happened.
- `button_press`, `check_in`, `medication_taken`, `sos`, `help_cancelled`: a hand did it. (The SOS alerts by
  itself.)
- `visit`: staff or a visitor has seen her, which is better than a sensor.

Told by another value than before (`BY_CHANGE`), for the same state repeated every minute says nothing new:
- `bed_occupied`, `seat_occupied`: getting in and getting up are both movements.
- `door_open`: doors, cupboards, fridges and lids; that closing is told too costs nothing.
- `posture`: another posture.
- `presence`, `worn`, `staff_present`: only becoming true. A radar loses who lies still, a band may slip off,
  and a badge left at the bedside sees nobody.
- `steps`: a count above 0 that changed. The counter's fall to 0 at midnight is the watch's doing.

No sign, on purpose: heart rate, breathing, sleep stages and all other measurements (she may lie helpless and
breathe); `body_movement` (its scale is each maker's own, and breathing moves it); falls and their end (a
radar clears them by itself); `zone`, geofences and positions (signals waver while she lies still);
`relay_on`, `power`, `water_volume` (timers, fridges and leaks); `device_test`, `power_on`, `online`,
`battery` and whatever else a device says about itself; calls, which somebody else may have started.
A state first heard is no sign: it may be an hour old. Nothing of bad or stale quality is one (R-94).
"""

from collections.abc import Mapping
from itertools import chain

from devices.observation import Observation, Quality
from devices.reading import Value

AT_ONCE = frozenset(
    "motion vibration moving bed_exit bed_enter turned button_press check_in medication_taken sos "
    "help_cancelled visit".split()
)
"""Metrics of which each report that is true is a sign."""

BY_CHANGE = frozenset(
    "bed_occupied seat_occupied door_open posture presence worn staff_present steps".split()
)
"""Metrics of which only another value than before is a sign."""

METRICS = AT_ONCE | BY_CHANGE
"""All that `notice` can make anything of: what a kind that looks for signs must hear."""

_ONLY_BECOMING_TRUE = frozenset(("presence", "worn", "staff_present", "steps"))

Known = Mapping[str, Value]
"""What each device said last of each metric told by change: by "<site>/<device>|<metric>"."""


def is_sign(observation: Observation, before: Value | None = None) -> bool:
    """Whether this is a sign of life.

    `before` is what the same device said last of this metric, None when that is not known.
    """
    metric, value = observation.metric, observation.value
    if observation.quality in {Quality.BAD, Quality.STALE}:
        return False
    if metric in AT_ONCE:
        return value is True
    if metric not in BY_CHANGE or before is None or value == before:
        return False
    return bool(value) if metric in _ONLY_BECOMING_TRUE else True


def notice(known: Known, observation: Observation) -> tuple[Known, bool]:
    """What is known then, and whether this is a sign of life.

    Where nothing new is said `known` itself comes back.
    """
    metric, value = observation.metric, observation.value
    if metric not in BY_CHANGE:
        return known, is_sign(observation)
    if observation.quality in {Quality.BAD, Quality.STALE}:
        return known, False
    key = f"{observation.site}/{observation.device}|{metric}"
    before = known.get(key)
    if before == value:
        return known, False
    return dict(chain(known.items(), ((key, value),))), is_sign(observation, before)
