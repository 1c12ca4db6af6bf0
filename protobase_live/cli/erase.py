"""``protobase-live erase``: have no byte left of a collection or a record, in a storage or on all nodes."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import NoReturn

from protobase_live.cli.loop import run
from protobase_live.cli.places import open_place
from protobase_live.errors import Unavailable
from protobase_live.model.erasure import Erasure
from protobase_live.workers.stores import require_no_workers

ERASE_SECONDS = 600.0
"""How long a server may take: it writes its database anew, and waits for the other nodes."""


def erase(source: str, collection: str, key: str | None, token: str | None, as_json: bool) -> NoReturn:
    """Erase it, say where that is done and where it is left to be done, then end the process."""
    run(_erase(source, collection, key, token, as_json))


async def _erase(source: str, collection: str, key: str | None, token: str | None, as_json: bool) -> None:
    require_no_workers(source)
    place = await open_place(source, token, must_exist=True, call_seconds=ERASE_SECONDS)
    try:
        erasure = await place.erase(collection, key)
    finally:
        await place.close()
    what = f"collection {collection!r}" if key is None else f"record {key!r} in {collection!r}"
    print(json.dumps(asdict(erasure)) if as_json else "\n".join(_lines(erasure, what)))
    if erasure.left:
        raise Unavailable(f"left to be done by {', '.join(erasure.left)}")


def _lines(erasure: Erasure, what: str) -> list[str]:
    now = f"there is no {what} now; what may have been left of it is erased"
    done = [f"erased on {node}" for node in erasure.done]
    return (
        [now] * (not erasure.found)
        + done
        + [f"not known of {node}: {why}" for node, why in erasure.left.items()]
    )
