"""Where a resident is and who is with her, as it was reported. Rule: the newest word wins, by event time.

Staff report an absence (leave, hospital, holiday) and its end; a badge or a sensor says that staff are in the
room, and a visit proves it. Rules suppress by it (R-58) and pause; never an SOS or a fall.
"""

from typing import NamedTuple

from devices.observation import Observation

STAFF_HOLDS_MS = 3_600_000
"""That staff are with her is believed for so long after it was last said."""

METRICS = frozenset(("absence", "staff_present", "visit"))


class Situation(NamedTuple):
    """All times ms UTC.

    `absence` is a word of the metric of that name ("" present) since `since` (0: nobody ever said).
    `staff` is whether somebody says that staff are with her; `staff_at` when that or a visit was last said.
    """

    absence: str = ""
    since: int = 0
    staff: bool = False
    staff_at: int = 0


UNREPORTED = Situation()


def follow(situation: Situation, observation: Observation) -> Situation:
    """The situation after one of METRICS; itself where it says nothing new, or nothing newer."""
    at = min(observation.at, observation.received_at)
    match observation.metric:
        case "absence" if at >= situation.since:
            absence = "" if observation.value == "present" else str(observation.value)
            if not situation.since or absence != situation.absence:
                return situation._replace(absence=absence, since=at)
        case "staff_present" if at >= situation.staff_at:
            staff = observation.value is True
            seen = staff or situation.staff  # that they leave now says that they were here
            return situation._replace(staff=staff, staff_at=at if seen else situation.staff_at)
        case "visit" if at > situation.staff_at:
            return situation._replace(staff_at=at)
    return situation
