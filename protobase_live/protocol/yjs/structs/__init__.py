"""Yjs updates on the level of structs: admitted, kept, merged and diffed without a native document."""

from protobase_live.protocol.yjs.structs.erasing import erased
from protobase_live.protocol.yjs.structs.foresight import TYPED, Aim, Foresight
from protobase_live.protocol.yjs.structs.gate import Gate, Unforeseen
from protobase_live.protocol.yjs.structs.joining import join
from protobase_live.protocol.yjs.structs.merging import collect, merge
from protobase_live.protocol.yjs.structs.readable import check_in_steps, is_common
from protobase_live.protocol.yjs.structs.structs import Structs
from protobase_live.protocol.yjs.structs.taking import OfFormer, Rest
from protobase_live.protocol.yjs.structs.touched import Spot, Touched, Use
from protobase_live.protocol.yjs.structs.writing import EMPTY_UPDATE

__all__ = [
    "EMPTY_UPDATE",
    "TYPED",
    "Aim",
    "Foresight",
    "Gate",
    "OfFormer",
    "Rest",
    "Spot",
    "Structs",
    "Touched",
    "Unforeseen",
    "Use",
    "check_in_steps",
    "collect",
    "erased",
    "is_common",
    "join",
    "merge",
]
