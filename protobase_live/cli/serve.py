"""``protobase-live serve``: a database behind a port."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn, TypedDict

from protobase_live.cli.loop import run, stop_requested
from protobase_live.database.database import Database
from protobase_live.errors import Unavailable, ValidationError
from protobase_live.opening import open as open_database
from protobase_live.server.authentication import Authenticate, anonymous
from protobase_live.server.server import Server

STORAGE = "file:./data"
LISTEN = "127.0.0.1:8765"
MAX_PORT = 65_535


class Options(TypedDict):
    """What can be said to `serve`."""

    storage: str
    listen: str


def options(arguments: Sequence[str]) -> Options | None:
    """The options, if they are written as ``--storage URL --listen HOST:PORT``; None for any other call."""
    found = Options(storage=STORAGE, listen=LISTEN)
    names, values = arguments[::2], arguments[1::2]
    if len(names) != len(values):
        return None
    for name, value in zip(names, values, strict=True):
        if name == "--storage":
            found["storage"] = value
        elif name == "--listen":
            found["listen"] = value
        else:
            return None
    return found


def serve(storage: str, listen: str) -> NoReturn:
    """Serve until SIGTERM or SIGINT, then end the process."""
    run(_serve(storage, listen))


async def _serve(storage: str, listen: str) -> None:
    host, port = address(listen)
    stop = stop_requested()
    async with open_database(storage) as database, listening(database, host, port) as server:
        gc.collect()
        gc.freeze()  # what the start has made stays, and need not be looked at again and again
        print(f"listening on {server.url}", flush=True)
        await stop.wait()


@asynccontextmanager
async def listening(
    database: Database, host: str, port: int, authenticate: Authenticate = anonymous
) -> AsyncGenerator[Server]:
    """A server of ``database``. Raises Unavailable when the port cannot be had."""
    server = Server(database, host, port, authenticate=authenticate)
    try:
        await server.__aenter__()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error
        raise Unavailable(f"cannot listen on {host}:{port}: {reason}") from error
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
