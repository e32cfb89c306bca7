"""Qube-Vital: a kiosk where a person is identified by a card and measured (`CM4_BLE_GW_TX`).

Rule: the person's citizen id, names, sex and birth date (in years of the Buddhist era) never leave the
payload; a reading is of the device that measured.
"""

from devices.envelope import Json
from devices.families.ble_gateway import recognised, report
from devices.message import Message
from devices.reading import Decoded, Known, Rejected

FAMILY = "qube-vital"
TOPICS = ("CM4_BLE_GW_TX",)


def claims(topic: str) -> bool:
    """Whether the topic is the kiosk's, under any prefix."""
    return topic.rpartition("/")[2] in TOPICS


def decode(message: Message, known: Known) -> Decoded | Rejected:
    """One message: the kiosk's own state, or what one of its devices measured."""
    return report(message, known, FAMILY)


def recognises(payload: Json) -> bool:
    """Whether a payload on anybody's topic is such a kiosk's."""
    return recognised(payload, ("PI",))
