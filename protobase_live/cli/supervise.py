"""``protobase-live serve --workers N``: a supervisor, and N processes that serve."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys

from protobase_actors import SystemClock
from protobase_live.cli.descriptors import allow_descriptors
from protobase_live.cli.settings import Options, Settings
from protobase_live.database.opening import open_storage
from protobase_live.errors import ValidationError
from protobase_live.server.ports import PORT_ERRORS, cannot_listen
from protobase_live.workers.reports import Reports
from protobase_live.workers.settling import has_all_of
from protobase_live.workers.stores import Stores
from protobase_live.workers.supervisor import Supervisor

WORKER = (sys.executable, "-P", "-m", "protobase_live.cli.worker")
"""What a worker is."""

MOST_WORKERS = 64
"""More are no use, and each is linked with all others."""

_log = logging.getLogger(__name__)


async def supervise(chosen: Options, how: Settings, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve until ``stop``.

    Raises ValidationError for what workers cannot do, and Unavailable.
    """
    _check(how)
    stores = Stores(how.storage)
    stores.check(how.workers)
    limits, clock = how.worker_limits, SystemClock()
    allow_descriptors(limits.waiting_sockets)
    listeners = await _bound(host, port)
    reports = Reports(stores.quarantine, limits.reports, limits.report_bytes)
    orders = [
        {"options": dict(chosen), "storage": stores.of(number), "supervisor": os.getpid()}
        for number in range(how.workers)
    ]

    def ready() -> None:
        stores.use(how.workers)
        _tell(how, host, listeners[0].getsockname()[1])

    try:
        await Supervisor(WORKER, orders, listeners, reports, clock, limits).run(stop, ready)
    finally:
        for each in listeners:
            each.close()
    await _settle(stores, how.workers)


def _tell(how: Settings, host: str, port: int) -> None:
    scheme, shown = "http" if how.tls_cert is None else "https", f"[{host}]" if ":" in host else host
    print(f"listening on {scheme}://{shown}:{port}", flush=True)
    fields = {"event": "serving"}
    _log.info("serving %s with %d workers, on port %d", how.storage, how.workers, port, extra=fields)


def _check(how: Settings) -> None:
    if how.workers > MOST_WORKERS:
        raise ValidationError(f"--workers {how.workers}: {MOST_WORKERS} at most; one for each core is enough")
    given = {
        "--peer": how.peers,
        "--owner": how.owners,
        "--node-id": how.node_id,
        "--cluster-secret-file": how.cluster_secret_file,
        "--durability": how.durability != "local",
    }
    if together := [name for name, value in given.items() if value]:
        raise ValidationError(
            f"--workers does not go together with {together[0]}: workers are a cluster of their own, on one "
            "machine; serve without --workers, one node a machine"
        )


async def _bound(host: str, port: int) -> list[socket.socket]:
    """Sockets for all addresses of a host, which do not listen yet. Raises Unavailable."""
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(asyncio.Protocol, host, port, start_serving=False)
    except PORT_ERRORS as error:
        raise cannot_listen(host, port, error) from error
    found = [socket.socket(fileno=os.dup(each.fileno())) for each in server.sockets]
    server.close()
    for each in found:
        each.setblocking(False)
    return found


async def _settle(stores: Stores, workers: int) -> None:
    """Note of which workers the first one has everything: it can be served from then on without them."""
    first = await open_storage(stores.of(0))
    try:
        for number in range(1, workers):
            other = await open_storage(stores.of(number))
            try:
                if await has_all_of(first, other):
                    stores.settle(number)
                else:
                    fields = {"event": "workers_not_settled"}
                    _log.warning("start with as many workers next time: %s", stores.of(number), extra=fields)
            finally:
                await other.close()
    finally:
        await first.close()
