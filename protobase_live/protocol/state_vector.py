"""State vectors of Yjs: for each client, the next clock a document expects of it."""

from collections.abc import Mapping

from protobase_live.errors import ProtocolError
from protobase_live.protocol.varint import read_varuint, varuint

EMPTY_STATE = b"\x00"
"""State vector of somebody who has nothing."""

MAX_STATE_CLIENTS = 1_000_000
"""Clients of one state vector; a document gains one with every browser tab that writes to it."""


def decode_state_vector(data: bytes, *, max_clients: int = MAX_STATE_CLIENTS) -> dict[int, int]:
    """Decode a state vector (Yjs `readStateVector`).

    Raises:
        ProtocolError: it is malformed, names a client twice or has more than `max_clients`.
    """
    count, pos = read_varuint(data, 0)
    if count > max_clients:
        raise ProtocolError(f"state vector of {count} clients, the limit is {max_clients}")
    state: dict[int, int] = {}
    for _ in range(count):
        client_id, pos = read_varuint(data, pos)
        state[client_id], pos = read_varuint(data, pos)
    if pos != len(data):
        raise ProtocolError(f"{len(data) - pos} bytes after the state vector")
    if len(state) != count:
        raise ProtocolError("state vector names a client twice")
    return state


def encode_state_vector(state: Mapping[int, int]) -> bytes:
    """Encode a state vector (Yjs `writeStateVector`)."""
    parts = [varuint(len(state))]
    parts += [varuint(client) + varuint(state[client]) for client in sorted(state, reverse=True)]
    return b"".join(parts)
