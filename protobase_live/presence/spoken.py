"""What nodes say to all others over a channel (`broadcast.py`), as bytes.

They are numbers as Yjs writes them, the first of which says what follows.
"""

from __future__ import annotations

from typing import NamedTuple

from protobase_live.errors import ProtocolError
from protobase_live.presence.node_words import Part, decode_parts
from protobase_live.presence.own_words import Word
from protobase_live.protocol.yjs.varint import read_varuint, varuints

ALL = 0
"""In the place of a node's number: all of them."""

_ALIVE, _ASK, _STILL, _WORD = range(4)


class Alive(NamedTuple):
    """A node is there."""

    node: int


class Ask(NamedTuple):
    """``node`` wants to be told everything of a collection, by ``of``."""

    node: int
    of: int


class Still(NamedTuple):
    """A node's last word on a collection had this number."""

    node: int
    number: int


Spoken = Alive | Ask | Still | Word


def encode_spoken(spoken: Spoken) -> bytes:
    """It as bytes."""
    match spoken:
        case Alive():
            return varuints((_ALIVE, *spoken))
        case Ask():
            return varuints((_ASK, *spoken))
        case Still():
            return varuints((_STILL, *spoken))
        case Word():
            return varuints((_WORD, spoken.previous, *spoken.bounds)) + spoken.part.data


def decode_spoken(data: bytes) -> Spoken:
    """What was said. Raises ProtocolError."""
    [kind], pos = _numbers(data, 0, 1)
    if kind == _WORD:
        [previous, low, high], pos = _numbers(data, pos, 3)
        [part] = _one(list(decode_parts(data[pos:])))
        return Word(part, previous, (low, high))
    if kind == _ALIVE:
        [node], _ = _numbers(data, pos, 1)
        return Alive(node)
    if kind not in (_ASK, _STILL):
        raise ProtocolError(f"presence has no message of kind {kind}")
    [node, other], _ = _numbers(data, pos, 2)
    return Ask(node, other) if kind == _ASK else Still(node, other)


def _numbers(data: bytes, pos: int, count: int) -> tuple[list[int], int]:
    numbers: list[int] = []
    for _ in range(count):
        number, pos = read_varuint(data, pos)
        numbers.append(number)
    return numbers, pos


def _one(parts: list[Part]) -> list[Part]:
    if len(parts) != 1:
        raise ProtocolError(f"a word has one part, not {len(parts)}")
    return parts
