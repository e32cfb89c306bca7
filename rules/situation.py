"""Where a resident is and who is with her, as it was reported. Rule: the newest word wins, by event time.

Staff report an absence (leave, hospital, holiday) and its end; a badge or a sensor says that staff are in the
room, and a visit proves it. Rules suppress by it (R-58) and pause; never an SOS or a fall.
That she is here is believed whenever it is heard, also from a clock that is slow: to ask too often is the
safe error.
"""

from typing import NamedTuple

from devices.observation import Observation

STAFF_HOLDS_MS = 3_600_000
"""That staff are with her is believed for so long after it was last said."""

STAFF_STAYS_MS = 7_200_000
"""And for so long after it was first said without a break: then a badge was left at the bedside."""

METRICS = frozenset(("absence", "staff_present", "visit"))


class Situation(NamedTuple):
    """All times ms UTC.

    `absence` is a word of the metric of that name ("" present) since `since` (0: nobody ever said).
    `staff` is whether somebody says that staff are with her, `came` since when without a break, `told` when
    last; `staff_at` when that, while it was to be believed, or a visit was last said.
    """

    absence: str = ""
    since: int = 0
    staff: bool = False
    staff_at: int = 0
    came: int = 0
    told: int = 0

    def left_behind(self, at: int) -> bool:
        """Whether what says that staff are with her has said so for longer than anybody stays (ms UTC)."""
        return self.staff and at - self.came > STAFF_STAYS_MS


UNREPORTED = Situation()


def follow(situation: Situation, observation: Observation) -> Situation:
    """The situation after one of METRICS; itself where it says nothing new, or nothing newer."""
    at = min(observation.at, observation.received_at)
    match observation.metric:
        case "absence" if observation.value == "present":
            if not situation.since or situation.absence:
                since = at if at > situation.since else max(observation.received_at, situation.since + 1)
                return situation._replace(absence="", since=since)
        case "absence" if at >= situation.since:
            if observation.value != situation.absence:
                return situation._replace(absence=str(observation.value), since=at)
        case "staff_present" if at >= max(situation.staff_at, situation.told):
            if observation.value is not True:  # that they leave now says that they were here
                return situation._replace(staff=False, staff_at=at if situation.staff else situation.staff_at)
            goes_on = situation.staff and at - situation.told <= STAFF_HOLDS_MS
            now = situation._replace(staff=True, came=situation.came if goes_on else at, told=at)
            return now if now.left_behind(at) else now._replace(staff_at=at)
        case "visit" if at > situation.staff_at:
            return situation._replace(staff_at=at)
    return situation
