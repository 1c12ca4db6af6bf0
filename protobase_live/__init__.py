"""ProtoBase Live: a transactional object database that is a real-time collaboration backend.

Everything a program needs is here and is imported when it is first used, so that a program pays only for
what it needs: a client never loads the server, and nobody loads the command line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from protobase_live.client import ClientLimits, RemoteDatabase, connect
    from protobase_live.cluster.limits import ClusterLimits
    from protobase_live.collection.limits import Limits, StorageLimits
    from protobase_live.database.database import Database
    from protobase_live.database.opening import open
    from protobase_live.database.traces import trace
    from protobase_live.errors import (
        Behind,
        Closed,
        Conflict,
        Forbidden,
        InvalidName,
        KindMismatch,
        LimitExceeded,
        MalformedUpdate,
        NoOwner,
        NotReplicated,
        OutcomeUnknown,
        Overloaded,
        ProtoBaseError,
        ProtocolError,
        RecordExists,
        RecordMissing,
        StorageFailed,
        Unauthorized,
        Unavailable,
        ValidationError,
    )
    from protobase_live.handles import Collection, Misfit
    from protobase_live.live.limits import ViewLimits
    from protobase_live.live.live import Live
    from protobase_live.model.atoms import Atom
    from protobase_live.model.change import Change
    from protobase_live.model.cursor import START
    from protobase_live.model.erasure import Erasure
    from protobase_live.permissions.asker import identity
    from protobase_live.permissions.grant import Grant
    from protobase_live.permissions.policy import Policy
    from protobase_live.permissions.rule import Rule
    from protobase_live.presence.limits import PresenceLimits
    from protobase_live.protocol.live.limits import LiveLimits
    from protobase_live.query.ast.aggregates import avg, collect, count, count_distinct, max, min, sum
    from protobase_live.query.ast.expressions import Expr, F, param
    from protobase_live.query.explanation import Explanation
    from protobase_live.query.language.query import Query
    from protobase_live.query.language.text import parse
    from protobase_live.query.result.diff import Diff, RowChange
    from protobase_live.query.result.rows import Rows
    from protobase_live.server.asgi import asgi
    from protobase_live.server.authentication import Identity
    from protobase_live.server.client_request import ClientRequest
    from protobase_live.server.json_web_tokens import Jwt
    from protobase_live.server.limits import ServerLimits
    from protobase_live.server.permissions import recheck
    from protobase_live.server.server import Server
    from protobase_live.structures import Dict, HashDict, XmlFragment
    from protobase_live.transactions import Transaction

    # As the annotation of a field, a kind that merges means what the field holds; type checkers know no more.
    # The handles, which these names are when a program runs, are in `protobase_live.structures`.
    __version__: str
    T = TypeVar("T")
    Counter = int
    Set = set
    List = list
    Text = str
    CountedSet: TypeAlias = dict[T, int]

__all__ = [
    "START",
    "Atom",
    "Behind",
    "Change",
    "ClientLimits",
    "ClientRequest",
    "Closed",
    "ClusterLimits",
    "Collection",
    "Conflict",
    "CountedSet",
    "Counter",
    "Database",
    "Dict",
    "Diff",
    "Erasure",
    "Explanation",
    "Expr",
    "F",
    "Forbidden",
    "Grant",
    "HashDict",
    "Identity",
    "InvalidName",
    "Jwt",
    "KindMismatch",
    "LimitExceeded",
    "Limits",
    "List",
    "Live",
    "LiveLimits",
    "MalformedUpdate",
    "Misfit",
    "NoOwner",
    "NotReplicated",
    "OutcomeUnknown",
    "Overloaded",
    "Policy",
    "PresenceLimits",
    "ProtoBaseError",
    "ProtocolError",
    "Query",
    "RecordExists",
    "RecordMissing",
    "RemoteDatabase",
    "RowChange",
    "Rows",
    "Rule",
    "Server",
    "ServerLimits",
    "Set",
    "StorageFailed",
    "StorageLimits",
    "Text",
    "Transaction",
    "Unauthorized",
    "Unavailable",
    "ValidationError",
    "ViewLimits",
    "XmlFragment",
    "asgi",
    "avg",
    "collect",
    "connect",
    "count",
    "count_distinct",
    "identity",
    "max",
    "min",
    "open",
    "param",
    "parse",
    "recheck",
    "sum",
    "trace",
]

_HOMES = {
    "model.atoms": "Atom",
    "model.change": "Change",
    "model.cursor": "START",
    "model.erasure": "Erasure",
    "client": "ClientLimits RemoteDatabase connect",
    "handles": "Collection Misfit",
    "database.database": "Database",
    "cluster.limits": "ClusterLimits",
    "collection.limits": "Limits StorageLimits",
    "errors": (
        "Behind Closed Conflict Forbidden InvalidName KindMismatch LimitExceeded MalformedUpdate NoOwner "
        "NotReplicated OutcomeUnknown Overloaded ProtoBaseError ProtocolError RecordExists RecordMissing "
        "StorageFailed Unauthorized Unavailable ValidationError"
    ),
    "live.live": "Live",
    "live.limits": "ViewLimits",
    "permissions.asker": "identity",
    "permissions.grant": "Grant",
    "permissions.policy": "Policy",
    "permissions.rule": "Rule",
    "presence.limits": "PresenceLimits",
    "database.opening": "open",
    "database.traces": "trace",
    "protocol.live.limits": "LiveLimits",
    "query.ast.aggregates": "avg collect count count_distinct max min sum",
    "query.result.diff": "Diff RowChange",
    "query.explanation": "Explanation",
    "query.ast.expressions": "Expr F param",
    "query.language.query": "Query",
    "query.result.rows": "Rows",
    "query.language.text": "parse",
    "server.asgi": "asgi",
    "server.authentication": "Identity",
    "server.client_request": "ClientRequest",
    "server.json_web_tokens": "Jwt",
    "server.limits": "ServerLimits",
    "server.permissions": "recheck",
    "server.server": "Server",
    "structures": "CountedSet Counter Dict HashDict List Set Text XmlFragment",
    "transactions": "Transaction",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """What the program asks for, imported now."""
    if name == "__version__":
        return import_module("importlib.metadata").version("protobase-live")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
