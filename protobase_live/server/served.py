"""What a server is made to serve, and where: what is none is refused before anything is made."""

from __future__ import annotations

from ssl import SSLContext
from typing import Any

from protobase_live.database.database import Database
from protobase_live.model.arguments import require

OPENED = "a database that is open, as 'async with pb.open(...) as db' gives it"

MAX_PORT = 65_535


def check_served(database: Any, port: Any, tls: Any, peer_tls: Any) -> None:
    """Raises ValidationError for what is no database, no port of this machine and no context of TLS."""
    require(isinstance(database, Database), "pb.Server", OPENED, database)
    is_number = isinstance(port, int) and not isinstance(port, bool)
    require(is_number and 0 <= port <= MAX_PORT, "port=", f"a number from 0 to {MAX_PORT}", port)
    for name, each in (("tls=", tls), ("peer_tls=", peer_tls)):
        require(each is None or isinstance(each, SSLContext), name, "an ssl.SSLContext", each)
