"""State vectors of Yjs: for each client, the next clock a document expects of it."""

import re
from collections.abc import Generator, Iterator, Mapping
from itertools import chain

from protobase_live.errors import ProtocolError
from protobase_live.protocol.steps import at_once
from protobase_live.protocol.yjs.varint import read_varuint, read_varuints, varuint, varuints

EMPTY_STATE = b"\x00"
"""State vector of somebody who has nothing."""

MAX_STATE_CLIENTS = 1_000_000
"""Clients of one state vector; a document gains one with every browser tab that writes to it."""

STEP_CLIENTS = 5_000
"""How many clients are read without a pause; it takes some milliseconds."""

_LONG_NUMBER = re.compile(rb"[\x80-\xff]{7}[\x10-\xff]")
"""In an integer that exceeds `MAX_VARUINT`, or takes more bytes than that."""


def decode_state_vector(data: bytes, *, max_clients: int = MAX_STATE_CLIENTS) -> dict[int, int]:
    """Decode a state vector (Yjs `readStateVector`).

    Raises:
        ProtocolError: it is malformed, names a client twice or has more than `max_clients`.
    """
    return at_once(decode_in_steps(data, max_clients=max_clients))


def decode_in_steps(
    data: bytes, *, max_clients: int = MAX_STATE_CLIENTS
) -> Generator[None, None, dict[int, int]]:
    """`decode_state_vector` with pauses, some milliseconds apart."""
    count, pos = read_varuint(data, 0)
    if count > max_clients:
        raise ProtocolError(f"state vector of {count} clients, the limit is {max_clients}")
    # Looked for first, because `read_varuints` takes time of the order of a number's length squared.
    if _LONG_NUMBER.search(data, pos):
        pos = yield from _end_of(data, pos, count)
        raise ProtocolError(f"{len(data) - pos} bytes after the state vector")
    state = dict[int, int]()
    for portion in _portions(count):
        numbers, pos = read_varuints(data, pos, 2 * portion)
        if len(numbers) < 2 * portion:
            raise ProtocolError(f"state vector of {count} clients is cut off")
        state.update(zip(numbers[::2], numbers[1::2], strict=True))
        if portion == STEP_CLIENTS:
            yield
    if pos != len(data):
        raise ProtocolError(f"{len(data) - pos} bytes after the state vector")
    if len(state) != count:
        raise ProtocolError("state vector names a client twice")
    return state


def _end_of(data: bytes, pos: int, count: int) -> Generator[None, None, int]:
    """Where the numbers of so many clients end; this says which of them is malformed, if one is."""
    for portion in _portions(count):
        for _ in range(2 * portion):
            _, pos = read_varuint(data, pos)
        yield
    return pos


def _portions(count: int) -> Iterator[int]:
    """So many clients, some at a time."""
    return (min(STEP_CLIENTS, count - at) for at in range(0, count, STEP_CLIENTS))


def encode_state_vector(state: Mapping[int, int]) -> bytes:
    """Encode a state vector (Yjs `writeStateVector`)."""
    return varuint(len(state)) + varuints(chain.from_iterable(sorted(state.items(), reverse=True)))
