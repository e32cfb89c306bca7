"""Protocol Buffers' wire format (protobuf.dev, "Encoding"), read without a schema.

Rule: any bytes end in fields or in ValueError, in linear time; nothing is copied but what a caller keeps.
"""

import struct
from collections.abc import Iterator

Value = int | bytes

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Budget:
    """How many fields may still be read of one payload, its parts and their parts included."""

    __slots__ = ("left",)

    def __init__(self, fields: int) -> None:
        self.left = fields


def fields(data: bytes, budget: Budget) -> Iterator[tuple[int, int, Value]]:
    """The fields of one message in order: number, wire type, and a varint, or bytes of any other type.

    A payload that has more than its budget is none of ours: reading it would take the time of others.
    """
    position, end = 0, len(data)
    while position < end:
        tag, position = _varint(data, position, end)
        kind = tag & 7
        budget.left -= 1
        if tag < 8 or budget.left < 0:
            raise ValueError("no field, or too many")
        if kind == VARINT:
            value, position = _varint(data, position, end)
            yield tag >> 3, kind, value
            continue
        if kind == BYTES:
            length, position = _varint(data, position, end)
        elif kind == FIXED64:
            length = 8
        elif kind == FIXED32:
            length = 4
        else:
            raise ValueError("a group, or no wire type")
        if position + length > end:
            raise ValueError("truncated")
        yield tag >> 3, kind, data[position : position + length]
        position += length


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    if position < end and data[position] < 0x80:
        return data[position], position + 1
    value = shift = 0
    while position < end:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
        shift += 7
        if shift > 63:
            break
    raise ValueError("no varint")


def number(kind: int, value: Value) -> float:
    """A float or double. Raises ValueError for a field of another type."""
    if isinstance(value, bytes) and kind == FIXED64:
        return float(struct.unpack("<d", value)[0])
    if isinstance(value, bytes) and kind == FIXED32:
        return float(struct.unpack("<f", value)[0])
    raise ValueError("no floating-point number")
