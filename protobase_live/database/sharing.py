"""What a database promises whose storage other processes write, too, and what it cannot be asked for."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from protobase_live.errors import ValidationError
from protobase_live.model.durability import LOCAL, MAJORITY, Durability
from protobase_storage import SharedStorage, Storage

SAFE_REPLICAS = 3
"""Of fewer replicas there is no majority that outlives one of them."""

_log = logging.getLogger(__name__)


def check_sharing(storage: Storage, durability: Durability, owner: Sequence[str]) -> None:
    """Say in the log what an acknowledgement means, where others keep the replicas.

    Raises ValidationError for a ``durability`` that they do not give, and for owned collections.
    """
    if not isinstance(storage, SharedStorage):
        return
    if owner:
        raise ValidationError("collections in a stream have no owner: that takes nodes which are linked")
    if durability not in (LOCAL, MAJORITY):
        raise ValidationError(
            f"durability {durability} counts nodes with disks of their own; a stream has replicas: 'majority'"
        )
    if durability == MAJORITY and storage.replicas < SAFE_REPLICAS:
        raise ValidationError(
            f"durability 'majority' takes a stream with {SAFE_REPLICAS} replicas or 5; this one has "
            f"{storage.replicas}: make it with ?replicas={SAFE_REPLICAS}, or update it"
        )
    majority = storage.replicas // 2 + 1
    told = "what is acknowledged is on %d of %d servers; whether it is flushed there says their sync_interval"
    _log.info(told, majority, storage.replicas, extra={"event": "stream_promise"})
