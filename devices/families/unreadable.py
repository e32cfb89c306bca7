"""A call for help that cannot be read: what comes on a topic of calls, or holds the word for one, is one.

Rule: it is told as of now, and what was wrong with the message stays rejected beside it.
"""

from devices.reading import Decoded, Reading, Rejected, TimeSource


def call(family: str, device: str, metric: str, why: Rejected, site: str = "") -> Decoded:
    """The answer to such a message."""
    reading = Reading(device, metric, value=True, at_source=TimeSource.ARRIVAL, detail="unreadable")
    return Decoded(family, (reading,), site, (why,))
