"""Buffered operations with read-your-writes, committed all together or not at all."""

from __future__ import annotations

from protobase_live.transactions.contenders import Contenders
from protobase_live.transactions.limits import DEFAULT_TRANSACTION_LIMITS, TransactionLimits
from protobase_live.transactions.transact import transact
from protobase_live.transactions.transaction import Transaction

__all__ = [
    "DEFAULT_TRANSACTION_LIMITS",
    "Contenders",
    "Transaction",
    "TransactionLimits",
    "transact",
]
