"""State vectors of Yjs: for each client, the next clock a document expects of it."""

import re
from collections.abc import Mapping
from itertools import chain

from protobase_live.errors import ProtocolError
from protobase_live.protocol.yjs.varint import read_varuint, read_varuints, varuint, varuints

EMPTY_STATE = b"\x00"
"""State vector of somebody who has nothing."""

MAX_STATE_CLIENTS = 1_000_000
"""Clients of one state vector; a document gains one with every browser tab that writes to it."""

_LONG_NUMBER = re.compile(rb"[\x80-\xff]{7}[\x10-\xff]")
"""In an integer that exceeds `MAX_VARUINT`, or takes more bytes than that."""


def decode_state_vector(data: bytes, *, max_clients: int = MAX_STATE_CLIENTS) -> dict[int, int]:
    """Decode a state vector (Yjs `readStateVector`).

    Raises:
        ProtocolError: it is malformed, names a client twice or has more than `max_clients`.
    """
    count, pos = read_varuint(data, 0)
    if count > max_clients:
        raise ProtocolError(f"state vector of {count} clients, the limit is {max_clients}")
    # Looked for first, because `read_varuints` takes time of the order of a number's length squared.
    if _LONG_NUMBER.search(data, pos):
        for _ in range(2 * count):  # one of the numbers is malformed, or stands behind them; this says which
            _, pos = read_varuint(data, pos)
        raise ProtocolError(f"{len(data) - pos} bytes after the state vector")
    numbers, end = read_varuints(data, pos, 2 * count)
    if len(numbers) < 2 * count:
        raise ProtocolError(f"state vector of {count} clients is cut off")
    if end != len(data):
        raise ProtocolError(f"{len(data) - end} bytes after the state vector")
    state = dict(zip(numbers[::2], numbers[1::2], strict=True))
    if len(state) != count:
        raise ProtocolError("state vector names a client twice")
    return state


def encode_state_vector(state: Mapping[int, int]) -> bytes:
    """Encode a state vector (Yjs `writeStateVector`)."""
    return varuint(len(state)) + varuints(chain.from_iterable(sorted(state.items(), reverse=True)))
