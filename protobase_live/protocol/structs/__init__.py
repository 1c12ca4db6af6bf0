"""Yjs updates on the level of structs: admitted, kept, merged and diffed without a native document."""

from protobase_live.protocol.structs.structs import Rest, Structs
from protobase_live.protocol.structs.writing import EMPTY_UPDATE, encode_state_vector

__all__ = ["EMPTY_UPDATE", "Rest", "Structs", "encode_state_vector"]
