"""The client's side of the live protocol over many connections, as a state machine without I/O.

Calls, streams, views and presences outlive a connection. Tell the session when a connection begins
(`welcomed`) and ends (`disconnected`) and what it brings (`receive`); after each input, act on `events` and
send what `outgoing` gives. What a lost connection means:

- a call that was not sent waits for the next connection;
- a read or query is sent again, a stream resumed after the last change received, a view after the last
  difference that came whole, a presence announced again;
- a commit that was sent fails with OutcomeUnknown, unless it writes nothing: that is sent again;
- the next server is told first what was acknowledged and shown, for it to have that before it answers.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from protobase_live.errors import LimitExceeded, OutcomeUnknown, Overloaded, ProtoBaseError, ProtocolError
from protobase_live.model.durability import Durability
from protobase_live.model.operations import Check, Op, Read
from protobase_live.protocol.live.client_events import Answered, Event, Failed, Interrupted, PresenceChanged
from protobase_live.protocol.live.client_messages import (
    CommitRequest,
    Hello,
    Join,
    Leave,
    Opening,
    Ping,
    QueryRequest,
    ReadRequest,
    Request,
    SetPresence,
    Unsubscribe,
    repeatable,
)
from protobase_live.protocol.live.client_presences import ClientPresences
from protobase_live.protocol.live.client_seen import ClientSeen
from protobase_live.protocol.live.client_streams import ClientStream, ClientView
from protobase_live.protocol.live.codec import Codec, Frame
from protobase_live.protocol.live.limits import WelcomeLimits
from protobase_live.protocol.live.messages import UnknownType, decode_server, encode
from protobase_live.protocol.live.outgoing import Outgoing
from protobase_live.protocol.live.server_messages import (
    Bye,
    Changes,
    Difference,
    Ended,
    Error,
    Presence,
    Result,
    ServerMessage,
    Welcome,
)


class ClientSession:
    """``credit``: changes a stream holds at most; ``max_calls``: calls, streams and views there may be;
    ``max_seen``: collections of which it is remembered what was written.
    """

    def __init__(
        self, codec: Codec, hello: Hello, *, credit: int, max_calls: int, max_seen: int = 1024
    ) -> None:
        self._codec = codec
        self._hello = hello
        self._credit = credit
        self._max_calls = max_calls
        self._last_id = 0
        self._limits: WelcomeLimits | None = None
        self._calls: set[int] = set()  # whose outcome is still to be told
        self._queue: OrderedDict[int, Outgoing] = OrderedDict()  # not sent yet
        self._in_flight: dict[int, Outgoing] = {}  # sent on this connection and not answered
        self._streams: dict[int, ClientStream | ClientView] = {}
        self._presences = ClientPresences()
        self._seen = ClientSeen(max_seen)
        self._control: deque[Frame] = deque()  # credit and pings, which wait for nothing
        self._events: list[Event] = []

    @property
    def limits(self) -> WelcomeLimits | None:
        """What the server of this connection told; None while there is no connection."""
        return self._limits

    # Connections

    def hello(self) -> Frame:
        """The first frame of each connection."""
        return encode(self._hello, self._codec)

    def welcomed(self, frame: Frame) -> None:
        """A connection's first frame from the server; what waits may be sent now.

        Raises:
            ProtocolError: it is not `Welcome`.
        """
        message = decode_server(frame, self._codec)
        if isinstance(message, Error):
            raise message.failure.error()
        if not isinstance(message, Welcome):
            raise ProtocolError(f"the server's first message has to be welcome, not {message.type}")
        self._limits = message.limits
        waiting, self._queue = self._queue, OrderedDict()
        if seen := self._seen.request(self._id, self._streams.values(), message.limits.seen):
            self._enqueue(seen)
        for request in [each.request(message.limits) for each in self._streams.values()]:
            self._enqueue(request)
        for request in self._presences.requests(self._id):
            self._enqueue(request)
        self._queue |= waiting

    def disconnected(self) -> None:
        """The connection is lost."""
        sent, self._in_flight = list(self._in_flight.values()), {}
        waiting, self._queue = list(self._queue.values()), OrderedDict()
        self._limits = None
        self._control.clear()
        for stream in self._streams.values():
            stream.lost()
        for entry in sent:
            self._survive(entry, sent=True)
        for entry in waiting:
            self._survive(entry, sent=False)

    def close(self, error: ProtoBaseError) -> None:
        """No connection follows: what waits fails with ``error``, sent commits with OutcomeUnknown."""
        self.disconnected()
        for id in sorted(self._calls | self._streams.keys()):
            self._events.append(Failed(id, error))
        self._calls.clear()
        self._queue.clear()
        self._streams.clear()
        self._presences.clear()

    # Calls; each raises Overloaded when too many wait, and ValidationError for what is no value

    def read(self, collection: str, read: Read) -> int:
        """Start a call, which has the id that is returned."""
        return self._call(ReadRequest(self._id(), collection, read))

    def commit(
        self,
        writes: Mapping[str, Sequence[Op]],
        checks: Sequence[Check],
        author: str | None,
        durability: Durability | None = None,
    ) -> int:
        """Start a call, which has the id that is returned."""
        return self._call(CommitRequest(self._id(), writes, checks, author, durability))

    def query(self, query: Any, explain: bool) -> int:
        """Start a call, which has the id that is returned; ``query`` is a query's form."""
        return self._call(QueryRequest(self._id(), query, explain))

    def ask(self, request: Callable[[int], Request]) -> int:
        """Start a call, which has the id that is returned: that of the request which is made with it."""
        return self._call(request(self._id()))

    def abandon(self, id: int) -> bool:
        """Nobody waits for a call any more. True if it is a commit that may be carried out all the same."""
        self._calls.discard(id)
        self._queue.pop(id, None)
        sent = self._in_flight.get(id)
        return sent is not None and not repeatable(sent.request)

    # Streams and views

    def subscribe(self, collection: str, since: str | None) -> int:
        """Open a stream, which has the id that is returned. Raises Overloaded."""
        return self._open(ClientStream(self._id(), collection, since, self._credit))

    def watch(self, query: Any, since: str | None) -> int:
        """Open a view, which has the id that is returned; ``query`` is a query's form. Raises Overloaded."""
        return self._open(ClientView(self._id(), query, since))

    def resume(self, id: int) -> None:
        """Ask for an interrupted stream or view again; without a connection, the next one does so anyway."""
        stream = self._streams.get(id)
        asked = id in self._in_flight or id in self._queue
        if stream and not stream.live and not asked and self._limits:
            self._enqueue(stream.request(self._limits))

    def consumed(self, id: int, count: int) -> None:
        """``count`` changes of a stream were used, so the server may send as many more."""
        stream = self._streams.get(id)
        if isinstance(stream, ClientStream):
            stream.consumed(count)
            self._grant(stream)

    def unsubscribe(self, id: int) -> None:
        """Close a stream or view; no event of it follows."""
        stream = self._streams.pop(id, None)
        self._queue.pop(id, None)
        if stream and (stream.live or id in self._in_flight):
            self._enqueue(Unsubscribe(self._id(), id))

    # Presence

    def join_presence(self, collection: str) -> None:
        """Hear of a collection's presence, until it was left as often as it was joined."""
        if self._presences.join(collection):
            self._tell(Join(self._id(), collection))

    def set_presence(self, collection: str, client: int, state: Any) -> int:
        """Say who ``client`` is: a call, answered at once without a connection: the next one says it."""
        request = SetPresence(self._id(), collection, client, state)
        if self._limits:
            return self._call(request)
        encode(request, self._codec)
        self._said(request)
        return request.id

    def leave_presence(self, collection: str, client: int) -> None:
        """Take ``client`` out, and leave once."""
        if self._presences.leave(collection, client):
            self._tell(Leave(self._id(), collection))
        else:
            self._tell(SetPresence(self._id(), collection, client, None))

    # Frames and events

    def ping(self) -> None:
        """Make the server send something, however many calls wait for it."""
        self._control.append(encode(Ping(self._id()), self._codec))

    def receive(self, frame: Frame) -> None:
        """What the server sent; a type of message that is not known here is ignored.

        Raises:
            ProtocolError: it is not the protocol.
        """
        try:
            message = decode_server(frame, self._codec)
        except UnknownType:
            return
        self._received(message)

    def outgoing(self) -> Iterator[Frame]:
        """What is to be sent now, one after the other. A call counts as sent once its frame was taken."""
        while self._control:
            yield self._control.popleft()
        while self._queue and self._limits and len(self._in_flight) < self._limits.requests:
            _, entry = self._queue.popitem(last=False)
            size, limit = _size(entry.frame), self._limits.message_bytes
            if size <= limit:
                self._in_flight[entry.request.id] = entry
                yield entry.frame
            else:
                reason = f"the request has {size} bytes, the server takes {limit} (message_bytes)"
                self._fail(entry.request.id, LimitExceeded(reason))

    def events(self) -> list[Event]:
        """What happened since the last time."""
        events, self._events = self._events, []
        return events

    def _received(self, message: ServerMessage) -> None:
        match message:
            case Result():
                self._answered(message)
            case Error():
                self._refused(message)
            case Changes():
                self._delivered(message)
            case Difference():
                self._differed(message)
            case Ended():
                self._ended(message.subscription, message.failure.error())
            case Presence() if message.collection in self._presences:
                changed = PresenceChanged(message.collection, message.states, message.complete)
                self._events.append(changed)
            case Bye():
                self._limits = None  # what was not sent waits for the next connection
            case Welcome():
                raise ProtocolError("welcome comes once")
            case _:
                pass

    def _answered(self, result: Result) -> None:
        if result.more:
            if result.id in self._in_flight:
                self._in_flight[result.id].parts += result.value
            return
        sent = self._in_flight.pop(result.id, None)
        if sent:
            self._seen.answered(sent.request, result.value)
        if sent and isinstance(sent.request, Opening):
            self._opened(result)
        elif result.id in self._calls and sent:
            self._calls.discard(result.id)
            if isinstance(sent.request, SetPresence):
                self._said(sent.request)
            else:
                value = [*sent.parts, *result.value] if sent.parts else result.value
                self._events.append(Answered(result.id, value))

    def _refused(self, error: Error) -> None:
        if error.id is None:
            raise ProtocolError(f"the server did not understand a message: {error.failure.message}")
        sent, reason = self._in_flight.pop(error.id, None), error.failure.error()
        if sent:
            self._seen.refused(sent.request, reason)
        if sent and isinstance(sent.request, Opening):
            self._ended(error.id, reason)
        else:
            self._fail(error.id, reason)

    def _opened(self, result: Result) -> None:
        stream = self._streams.get(result.id)
        if stream is None:
            return
        if (event := stream.answered(result.value)) is not None:
            self._events.append(event)
        if isinstance(stream, ClientStream):
            self._grant(stream)

    def _delivered(self, message: Changes) -> None:
        stream = self._streams.get(message.subscription)
        if isinstance(stream, ClientStream) and (event := stream.delivered(message.changes)):
            self._events.append(event)

    def _differed(self, message: Difference) -> None:
        view = self._streams.get(message.subscription)
        if isinstance(view, ClientView) and (event := view.differed(message)):
            self._events.append(event)

    def _ended(self, id: int, error: ProtoBaseError) -> None:
        stream = self._streams.get(id)
        if stream is None:
            return
        stream.lost()
        if error.retryable and stream.opened:
            self._events.append(Interrupted(id, error))
        else:
            del self._streams[id]
            self._events.append(Failed(id, error))

    def _said(self, request: SetPresence) -> None:
        """The server knows, or the next connection will say it: an error of the server is not repeated."""
        self._presences.said(request)
        self._events.append(Answered(request.id, None))

    def _survive(self, entry: Outgoing, *, sent: bool) -> None:
        """What becomes of a request when its connection is lost."""
        id, request = entry.request.id, entry.request
        if id not in self._calls:
            return  # of the session itself, which says it anew, or of nobody any more
        if isinstance(request, SetPresence):
            self._calls.discard(id)
            self._said(request)
        elif sent and not repeatable(request):
            self._fail(id, OutcomeUnknown(f"the connection broke after the {request.type} was sent"))
        else:
            entry.parts.clear()
            self._queue[id] = entry

    def _open(self, stream: ClientStream | ClientView) -> int:
        self._check_room()
        self._streams[stream.id] = stream
        self.resume(stream.id)
        return stream.id

    def _grant(self, stream: ClientStream) -> None:
        if more := stream.grant():
            self._control.append(encode(more, self._codec))

    def _call(self, request: Request) -> int:
        self._check_room()
        self._enqueue(request)
        self._calls.add(request.id)
        return request.id

    def _check_room(self) -> None:
        if len(self._calls) + len(self._streams) >= self._max_calls:
            raise Overloaded(f"{self._max_calls} calls, streams and views wait already (calls)")

    def _tell(self, request: Request) -> None:
        """Without a connection there is nobody to tell."""
        if self._limits:
            self._enqueue(request)

    def _enqueue(self, request: Request) -> None:
        self._queue[request.id] = Outgoing(request, encode(request, self._codec))

    def _fail(self, id: int, error: ProtoBaseError) -> None:
        if id in self._calls:
            self._calls.discard(id)
            self._events.append(Failed(id, error))

    def _id(self) -> int:
        self._last_id += 1
        return self._last_id


def _size(frame: Frame) -> int:
    return len(frame if isinstance(frame, bytes) else frame.encode())
