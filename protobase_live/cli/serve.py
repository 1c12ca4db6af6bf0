"""``protobase-live serve``: a database behind a port."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NoReturn, cast

from protobase_actors import SystemClock
from protobase_live.cli.descriptors import Starvation, allow_descriptors
from protobase_live.cli.logs import log_to_stderr
from protobase_live.cli.loop import run, stop_requested
from protobase_live.cli.settings import Options, Settings, misnamed, settings
from protobase_live.database.database import Database
from protobase_live.database.opening import open as open_database
from protobase_live.errors import StorageFailed, ValidationError
from protobase_live.model.atoms import Atom
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.server.authentication import Authenticate, anonymous
from protobase_live.server.limits import DEFAULT_SERVER_LIMITS, ServerLimits
from protobase_live.server.ports import PORT_ERRORS, cannot_listen
from protobase_live.server.server import Server
from protobase_live.server.siblings import Siblings
from protobase_live.server.tls import peer_tls, server_tls
from protobase_live.workers.stores import require_no_workers

if TYPE_CHECKING:
    from ssl import SSLContext

    from protobase_live.permissions.policy import Policy

MAX_PORT = 65_535

REPEATED = ("origin", "trusted_proxy", "peer", "owner", "jwt_algorithm", "limit")
"""Options that may come more than once."""

_log = logging.getLogger(__name__)


def options(arguments: Sequence[str]) -> Options | None:
    """The options, if each is written as ``--name value``; None for any other call."""
    found: dict[str, Any] = {}
    names, values = arguments[::2], arguments[1::2]
    if len(names) != len(values):
        return None
    for option, value in zip(names, values, strict=True):
        name = option.removeprefix("--").replace("-", "_")
        if not option.startswith("--") or name not in Options.__annotations__ or name == "insecure":
            return None
        if name in REPEATED:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return cast("Options", found)


def serve(chosen: Options) -> NoReturn:
    """Serve until SIGTERM, SIGHUP or SIGINT, then end the process."""
    run(_serve(chosen))


async def _serve(chosen: Options) -> None:
    how = settings(chosen, os.environ)
    log_to_stderr(how.log_level, how.log_format)
    for each in misnamed(os.environ):
        _log.warning("%s", each, extra={"event": "variable_ignored"})
    stop = stop_requested()
    if how.workers:
        from protobase_live.cli.supervise import supervise  # a server without workers starts without

        await supervise(chosen, how, *address(how.listen), stop)
        return
    allow_descriptors(how.server_limits.sessions)
    asyncio.get_running_loop().set_exception_handler(Starvation(SystemClock()))
    require_no_workers(how.storage)
    async with opened(how) as database, tracing(database, how.traces), listening_as(database, how) as server:
        gc.collect()
        gc.freeze()  # what the start has made stays, and need not be looked at again and again
        print(f"listening on {server.url}", flush=True)
        _log.info("serving %s on %s", how.storage, server.url, extra={"event": "serving"})
        await _until_stopped(stop, database)
        _log.info("stopping", extra={"event": "stopping"})
    _log.info("stopped", extra={"event": "stopped"})


async def _until_stopped(stop: asyncio.Event, database: Database) -> None:
    """Raises StorageFailed, which says why, when another server has taken the storage over."""
    taken_over = database.health.taken_over
    waiting = [asyncio.ensure_future(event.wait()) for event in (stop, taken_over)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
    if taken_over.is_set():
        raise StorageFailed(str(database.health.successor))


def opened(how: Settings) -> AbstractAsyncContextManager[Database]:
    """The database that is to be served."""
    return open_database(
        how.storage,
        limits=how.limits,
        view_limits=how.view_limits,
        presence_limits=how.presence_limits,
        storage_limits=how.storage_limits,
        cluster_limits=how.cluster_limits,
        node_id=how.node_id,
        durability=how.durability,
        owner=how.owners,
        schemas=_schemas(how),
    )


def _schemas(how: Settings) -> Mapping[str, type[Atom]] | None:
    if how.schemas is None:
        return None
    from protobase_live.cli.schema_file import schemas_of  # a server that has none starts without

    return schemas_of(how.schemas)


@asynccontextmanager
async def listening_as(
    database: Database, how: Settings, siblings: Siblings | None = None
) -> AsyncGenerator[Server]:
    """The server that is asked for."""
    tls = server_tls(how.tls_cert, how.tls_key)
    refreshed = tls.refreshed(SystemClock(), how.server_limits.certificate_seconds) if tls else nullcontext()
    async with refreshed, _server(database, how, siblings, tls.context if tls else None) as server:
        yield server


def _server(
    database: Database, how: Settings, siblings: Siblings | None, tls: SSLContext | None
) -> AbstractAsyncContextManager[Server]:
    host, port = address(how.listen)
    secret = None
    if how.cluster_secret_file is not None:
        from protobase_live.cli.cluster_secret import read_secret  # a server that is alone starts without

        secret = read_secret(how.cluster_secret_file)
    return listening(
        database,
        host,
        port,
        authentication(how),
        insecure=how.insecure,
        policy=_policy(how),
        limits=how.server_limits,
        live_limits=how.live_limits,
        origins=how.origins,
        trusted_proxies=how.trusted_proxies,
        peers=how.peers,
        cluster_secret=secret,
        tls=tls,
        peer_tls=peer_tls(how.tls_ca),
        inspector=how.inspector == "on",
        siblings=siblings,
        advertise=how.advertise,
    )


def authentication(how: Settings) -> Authenticate:
    """Who says who a client is.

    Raises ValidationError for settings that would let in more than was meant.
    """
    if how.jwt_keys is None:
        if how.jwt_algorithms or how.jwt_audience or how.jwt_issuer:
            raise ValidationError("tokens are checked with keys: name their file or URL, too (--jwt-keys)")
        return anonymous
    from protobase_live.server.json_web_tokens import Jwt  # a server without starts without

    options = how.jwt_algorithms, how.jwt_audience, how.jwt_issuer
    return Jwt(how.jwt_keys, *options, limits=how.server_limits)


def _policy(how: Settings) -> Policy | None:
    if how.policy is None:
        return None
    from protobase_live.permissions.policy_file import read_policy  # a server without one starts without

    return read_policy(how.policy)


@asynccontextmanager
async def tracing(database: Database, share: str) -> AsyncGenerator[None]:
    """Tell OpenTelemetry of a share of the commits, where its variables (``OTEL_...``) say.

    Raises ValidationError for what is no share.
    """
    try:
        ratio = float(share)
    except ValueError:
        raise ValidationError(f"--traces {share!r} is no number; write it like 0.01") from None
    if ratio == 0:
        yield
        return
    from protobase_live.cli.exporting import exporter  # a server that does not trace starts without
    from protobase_live.database.traces import trace

    provider = exporter(database.node)
    trace(database, ratio, provider)
    try:
        yield
    finally:
        await asyncio.to_thread(provider.shutdown)


@asynccontextmanager
async def listening(
    database: Database,
    host: str,
    port: int,
    authenticate: Authenticate = anonymous,
    *,
    policy: Policy | None = None,
    insecure: bool = False,
    limits: ServerLimits = DEFAULT_SERVER_LIMITS,
    live_limits: LiveLimits | None = None,
    origins: Iterable[str] = (),
    trusted_proxies: Iterable[str] = (),
    peers: Sequence[str] = (),
    cluster_secret: bytes | None = None,
    tls: SSLContext | None = None,
    peer_tls: SSLContext | None = None,
    inspector: bool = True,
    siblings: Siblings | None = None,
    advertise: str | None = None,
) -> AsyncGenerator[Server]:
    """A server of ``database``. Raises Unavailable when the port cannot be had."""
    server = Server(
        database,
        host,
        port,
        limits=limits,
        live_limits=live_limits,
        authenticate=authenticate,
        policy=policy,
        insecure=insecure,
        origins=origins,
        trusted_proxies=trusted_proxies,
        peers=peers,
        cluster_secret=cluster_secret,
        tls=tls,
        peer_tls=peer_tls,
        inspector=inspector,
        siblings=siblings,
        advertise=advertise,
    )
    try:
        await server.__aenter__()
    except PORT_ERRORS as error:
        raise cannot_listen(host, port, error) from error
    try:
        yield server
    finally:
        await server.close()


def address(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``, where the host of an IPv6 address stands in brackets."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > MAX_PORT:
        raise ValidationError(f"--listen {text!r} is no HOST:PORT; write it like 127.0.0.1:8765")
    return host.removeprefix("[").removesuffix("]"), int(port)
