"""Where somebody is: which numbers are a position.

Rule: half a position, 0, 0 (a receiver without a fix) and what is beyond a pole are none: help would be sent
to a wrong place.
"""

from devices.envelope import Json
from devices.words import Origin, Said, number_of


def place_of(latitude: Json, longitude: Json) -> tuple[float, float] | None:
    """Latitude and longitude as numbers, None when they are no place."""
    north, east = number_of(latitude), number_of(longitude)
    if north is None or east is None or (north == 0 and east == 0):
        return None
    return (north, east) if abs(north) <= 90 and abs(east) <= 180 else None  # NaN is on neither side


def say_place(latitude: Json, longitude: Json, origin: Origin, said: Said, accuracy: Json = None) -> None:
    """Adds a position, and how far from it the place may be in metres, where that is told."""
    place = place_of(latitude, longitude)
    if place is None:
        return
    said.add(origin, "latitude", place[0])
    said.add(origin, "longitude", place[1])
    metres = number_of(accuracy)
    if metres:
        said.add(origin, "location_accuracy", metres)
