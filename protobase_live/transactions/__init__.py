"""Buffered operations with read-your-writes, committed all together or not at all."""

from __future__ import annotations

from protobase_live.transactions.buffer import MAX_TRANSACTION_BYTES, MAX_TRANSACTION_OPS
from protobase_live.transactions.contenders import Contenders
from protobase_live.transactions.reads import MAX_TRANSACTION_READS
from protobase_live.transactions.transact import MAX_ATTEMPTS, transact
from protobase_live.transactions.transaction import Transaction

__all__ = [
    "MAX_ATTEMPTS",
    "MAX_TRANSACTION_BYTES",
    "MAX_TRANSACTION_OPS",
    "MAX_TRANSACTION_READS",
    "Contenders",
    "Transaction",
    "transact",
]
