"""Raw Bluetooth advertisements, as gateways pass on what they did not decode themselves.

Rule: bytes reach the Theengs decoder only as even lower-case hexadecimal of an advertisement's length and of
a kind that it knows. It is C++ that ends the whole process on some other input (`stoul` on what is no
digit), and it takes milliseconds to find that it knows nothing. Fields are named as Theengs names them.
"""

import re
from functools import lru_cache
from typing import NamedTuple

import orjson
from TheengsDecoder import decodeBLE

from devices.envelope import Json
from devices.families import bthome, mibeacon, ruuvi
from devices.reading import Reason, Rejected
from devices.words import Fields, Scalar

_MAX_BYTES = 255  # of one AD structure, also in an extended advertisement
_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}")
_UUID = re.compile(r"(?:0x)?([0-9a-f]{4})|0000([0-9a-f]{4})-0000-1000-8000-00805f9b34fb", re.IGNORECASE)
_NAME = re.compile(r"[ -!#-\[\]-~]{1,30}")  # printable ASCII that JSON need not escape
_NO_ADDRESS = "00:00:00:00:00:00"

_KNOWN_UUIDS = frozenset(
    "181a 181b 181d 180f fdcd fd3d 0d00 feaa feab ff01 fd50 2a06 2a6e 2a6f fff0 5242 0000 f525 f51c 1803 "
    "0318".split()
)
_KNOWN_MAKERS = frozenset(
    # the first two bytes of the manufacturer data that Theengs has a decoder for
    "0201 0207 0109 0100 0133 01ff 0188 3301 88ec 6b00 04ff dc00 ef81 d506 6909 5701 b602 4f09 c500 "
    "0d00 0001 0002 0003 eefa 3101 ae01 5900 b103 1000 1100 1500 1800 1b00 0000 ee01".split()
)
_KNOWN_NAMES = (
    "GV",
    "Gov",
    "sps",
    "tps",
    "TP3",
    "T201",
    "T301",
    "WoSensor",
    "WoIO",
    "IBS",
    "BR",
    "THB",
    "TH0",
)
_APPLE = b"\x4c\x00"  # most of what is in the air: phones, watches, beacons without a measurement
_ABTEMP = bytes.fromhex("4c000215b5b182c7eab1")  # an iBeacon with a thermometer


class Advertisement(NamedTuple):
    """One advertisement: of its many parts those that devices put measurements into."""

    address: str = _NO_ADDRESS
    uuid: str = ""  # of the service data, 16 bit, lower case
    service: bytes = b""
    maker: bytes = b""  # manufacturer data, the company's number first
    name: str = ""


def advertisement(payload: dict[str, Json]) -> Advertisement | Rejected | None:
    """The advertisement in a gateway's message; None: there is none. Rejected: it is no hexadecimal."""
    service, maker = payload.get("servicedata"), payload.get("manufacturerdata")
    if not service and not maker:
        return None
    parts = (_bytes(service), _bytes(maker))
    if parts[0] is None or parts[1] is None:
        return Rejected(Reason.UNDECODED, "advertised data are no hexadecimal")
    address, uuid, name = payload.get("id"), payload.get("servicedatauuid"), payload.get("name")
    found = _UUID.fullmatch(uuid) if isinstance(uuid, str) else None
    return Advertisement(
        address if isinstance(address, str) and _ADDRESS.fullmatch(address) else _NO_ADDRESS,
        (found.group(1) or found.group(2)).lower() if found else "",
        parts[0],
        parts[1],
        name if isinstance(name, str) and _NAME.fullmatch(name) else "",
    )


def structures(data: bytes) -> Advertisement:
    """The same from an advertisement's bytes: structures of length, type and data (Core, Vol 3 C 11)."""
    uuid, service, maker, name = "", b"", b"", ""
    at = 0
    while at + 1 < len(data) and data[at]:
        kind, value = data[at + 1], data[at + 2 : at + 1 + data[at]]
        if kind == 0x16 and len(value) > 1:
            uuid, service = value[1::-1].hex(), value[2:]
        elif kind == 0xFF:
            maker = value
        elif kind in {0x08, 0x09}:
            text = value.decode("latin-1")
            name = text if _NAME.fullmatch(text) else ""
        at += 1 + data[at]
    return Advertisement(_NO_ADDRESS, uuid, service, maker, name)


def _bytes(text: Json) -> bytes | None:
    if text is None or text == "":
        return b""
    return from_hex(text) if isinstance(text, str) and len(text) <= 2 * _MAX_BYTES else None


def from_hex(text: str) -> bytes | None:
    """The bytes of a hexadecimal text without blanks; None for any other text."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return None
    return data if 2 * len(data) == len(text) else None


def read(heard: Advertisement) -> Fields | Rejected | None:
    """What an advertisement says; None: it is of no device that is known. Rejected: it is encrypted."""
    match heard.uuid:
        case "fcd2" if heard.service:
            if heard.service[0] & bthome.ENCRYPTED:
                return _ENCRYPTED
            return bthome.fields(heard.service)
        case "181c":
            return bthome.fields_1(heard.service)
        case "181e":
            return _ENCRYPTED
        case "fe95":
            if mibeacon.encrypted(heard.service):
                return _ENCRYPTED
            return mibeacon.fields(heard.service)
    if heard.maker[:2] == ruuvi.COMPANY:
        if heard.maker[2:3] and heard.maker[2] in ruuvi.ENCRYPTED:
            return _ENCRYPTED
        return ruuvi.fields(heard.maker[2:])
    if not _may_be_known(heard):
        return None
    found = _theengs(heard)
    return None if found is None else dict(found)


_ENCRYPTED = Rejected(Reason.UNDECODED, "the advertisement is encrypted")


def _may_be_known(heard: Advertisement) -> bool:
    if heard.uuid in _KNOWN_UUIDS or (heard.service and not heard.uuid):
        return True
    if heard.maker[:2] == _APPLE:
        return heard.maker.startswith(_ABTEMP)
    return heard.maker[:2].hex() in _KNOWN_MAKERS or heard.name.startswith(_KNOWN_NAMES)


@lru_cache(maxsize=4096)
def _theengs(heard: Advertisement) -> tuple[tuple[str, Scalar], ...] | None:
    """What the Theengs decoder says. Remembered, since devices repeat an advertisement many times."""
    asked = {"id": heard.address, "name": heard.name, "manufacturerdata": heard.maker.hex()}
    asked |= {"servicedata": heard.service.hex(), "servicedatauuid": heard.uuid}
    try:
        answer = decodeBLE(orjson.dumps({name: value for name, value in asked.items() if value}).decode())
        found = orjson.loads(answer) if isinstance(answer, str) else None
    except (ValueError, TypeError):  # what is no UTF-8 (read beyond a frame that was cut short), or no JSON
        return None
    if not isinstance(found, dict):
        return None
    return tuple(
        (name, value)
        for name, value in found.items()
        if name not in asked and not isinstance(value, (dict, list))
    )
