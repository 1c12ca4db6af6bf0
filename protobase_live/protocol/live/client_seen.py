"""What a client has seen, so that it finds all of that again at whichever server it goes to next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, cast

from protobase_live.errors import Behind, ProtoBaseError
from protobase_live.protocol.live.client_messages import (
    CommitRequest,
    QueryRequest,
    ReadRequest,
    Request,
    Seen,
)
from protobase_live.protocol.live.client_streams import ClientStream, ClientView
from protobase_live.protocol.live.collection_messages import DropRequest, EraseRequest
from protobase_live.protocol.live.fields import Fields
from protobase_live.protocol.live.stream_messages import Subscribe, Watch


class ClientSeen:
    """The cursor of the last acknowledged write to each collection; that of streams and views they know."""

    def __init__(self, most: int) -> None:
        """Remembers ``most`` collections; above that, the one that was written longest ago is forgotten."""
        self._most = most
        self._written: dict[str, str] = {}

    def answered(self, request: Request, value: Any) -> None:
        """The server has carried out a request, whether or not somebody waits for that.

        Raises ProtocolError if the receipt of a commit is none.
        """
        if isinstance(request, CommitRequest):
            self._acknowledge(Fields({"type": "result", "value": value}).part("value").mapping("cursors"))
        elif isinstance(request, DropRequest | EraseRequest):
            self._written.pop(request.collection, None)

    def refused(self, request: Request, error: ProtoBaseError) -> None:
        """The server has not; what it says that it can never have is no more insisted on."""
        if isinstance(error, Behind) and not error.retryable:
            for collection in collections_of(request):
                self._written.pop(collection, None)

    def _acknowledge(self, cursors: Mapping[str, str]) -> None:
        for collection, cursor in cursors.items():
            self._written.pop(collection, None)
            self._written[collection] = cursor
        while len(self._written) > self._most:
            del self._written[next(iter(self._written))]

    def request(
        self, next_id: Callable[[], int], streams: Collection[ClientStream | ClientView], most: int
    ) -> Seen | None:
        """What a new connection begins with, for a server that takes ``most`` cursors; None for nothing.

        Of what is too much, streams and views and then what was written longest ago is left out.
        """
        cursors: dict[str, list[str]] = {}
        views: list[str] = []
        for collection, cursor in list(self._told(streams))[:most]:
            if collection is None:
                views.append(cursor)
            else:
                cursors.setdefault(collection, []).append(cursor)
        return Seen(next_id(), cursors, views) if cursors or views else None

    def _told(self, streams: Collection[ClientStream | ClientView]) -> Iterator[tuple[str | None, str]]:
        """Every cursor once, with its collection; a view's has none."""
        written = reversed(self._written.items())
        shown = ((each.collection, each.cursor) for each in streams if each.opened and each.cursor)
        yield from dict.fromkeys([*written, *shown])


def collections_of(request: Request) -> set[str]:
    """The collections that a request reads or writes."""
    match request:
        case ReadRequest() | Subscribe():
            return {request.collection}
        case CommitRequest():
            return request.collections
        case QueryRequest() | Watch():
            return set(_sources(request.query))
        case _:
            return set()


def _sources(form: Any) -> Iterator[str]:
    """The collections that a query's form names, those of the queries inside it, too."""
    if isinstance(form, dict):
        named = cast("dict[str, Any]", form)
        if isinstance(source := named.get("from"), str):
            yield source
        form = list(named.values())
    if isinstance(form, list):
        for part in cast("list[Any]", form):
            yield from _sources(part)
