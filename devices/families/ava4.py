"""AVA4: a box at home that hears cuffs, oximeters, glucose meters, thermometers and scales (`dusun_pub`).

Rule: its clock may be years ahead, so the time of sending goes along with those of the measurements.
"""

from devices.envelope import Json
from devices.families.ble_gateway import recognised, report
from devices.message import Message
from devices.reading import Decoded, Known, Rejected

FAMILY = "ava4"
TOPICS = ("dusun_pub", "dusun_sub", "ESP32_BLE_GW_TX")


def claims(topic: str) -> bool:
    """Whether the topic is one of the gateway's, under any prefix."""
    return topic.rpartition("/")[2] in TOPICS


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message: the box's own state, or what devices near it measured."""
    return report(message, known, FAMILY)


def recognises(payload: Json) -> bool:
    """Whether a payload on anybody's topic is such a box's."""
    return recognised(payload, ("BLE", "ESP32"))
