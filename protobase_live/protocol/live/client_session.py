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

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from protobase_live.errors import LimitExceeded, OutcomeUnknown, Overloaded, ProtoBaseError, ProtocolError
from protobase_live.model.durability import Durability
from protobase_live.model.operations import Check, Op, Read
from protobase_live.protocol.live import client_events as told
from protobase_live.protocol.live.client_messages import (
    CommitRequest,
    Hello,
    Join,
    Leave,
    Opening,
    Ping,
    QueryRequest,
    ReadRequest,
    Renew,
    Request,
    SetPresence,
    repeatable,
)
from protobase_live.protocol.live.client_opened import ClientOpened
from protobase_live.protocol.live.client_presences import ClientPresences
from protobase_live.protocol.live.client_seen import ClientSeen
from protobase_live.protocol.live.client_streams import ClientStream, ClientView
from protobase_live.protocol.live.codec import Codec, Frame
from protobase_live.protocol.live.limits import WelcomeLimits
from protobase_live.protocol.live.messages import UnknownType, decode_server, encode
from protobase_live.protocol.live.outbox import Outbox, Outgoing
from protobase_live.protocol.live.server_messages import (
    Bye,
    Changes,
    Difference,
    Ended,
    Error,
    Expiring,
    Presence,
    Result,
    ServerMessage,
    Welcome,
)
from protobase_live.protocol.live.stream_messages import Unsubscribe


class ClientSession:
    """``client``: its name; ``credit``: changes a stream holds at most; ``max_calls``: calls, streams and
    views there may be; ``max_seen``: collections of which it is remembered what was written.
    """

    def __init__(
        self, codec: Codec, client: str = "", *, credit: int, max_calls: int, max_seen: int = 1024
    ) -> None:
        self._codec = codec
        self._client = client
        self._credit = credit
        self._max_calls = max_calls
        self._last_id = 0
        self._calls: set[int] = set()  # whose outcome is still to be told
        self._outbox = Outbox(codec)
        self._streams: dict[int, ClientStream | ClientView] = {}
        self._presences = ClientPresences()
        self._seen, self._opened_structures = ClientSeen(max_seen), ClientOpened()
        self._events: list[told.Event] = []

    @property
    def limits(self) -> WelcomeLimits | None:
        """What the server of this connection told; None while there is no connection."""
        return self._outbox.limits

    # Connections

    def hello(self, token: str | None) -> Frame:
        """The first frame of each connection."""
        return encode(Hello(token, self._client), self._codec)

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
        self._outbox.limits = message.limits
        waiting = self._outbox.take_waiting()
        if seen := self._seen.request(self._id, self._streams.values(), message.limits.seen):
            self._outbox.add(seen)
        streams = [each.request(message.limits) for each in self._streams.values()]
        for request in (*streams, *self._presences.requests(self._id)):
            self._outbox.add(request)
        self._outbox.put_back(*waiting)

    def disconnected(self) -> None:
        """The connection is lost."""
        sent, waiting = self._outbox.lose(), self._outbox.take_waiting()
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
            self._events.append(told.Failed(id, error))
        self._calls.clear()
        self._outbox.take_waiting()
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

    def renew(self, token: str | None) -> int:
        """Present a fresh token: a call, which goes before all that wait."""
        request = Renew(self._id(), token)
        self._outbox.add(request, first=True)
        self._calls.add(request.id)
        return request.id

    def abandon(self, id: int) -> bool:
        """Nobody waits for a call any more. True if it is a commit that may be carried out all the same."""
        self._calls.discard(id)
        self._outbox.drop(id)
        sent = self._outbox.sent(id)
        return sent is not None and not repeatable(sent.request)

    # Streams and views

    def subscribe(self, collection: str, since: str | None) -> int:
        """Open a stream, which has the id that is returned. Raises Overloaded."""
        return self._open(ClientStream(self._id(), collection, since, self._credit, self._opened_structures))

    def watch(self, query: Any, since: str | None) -> int:
        """Open a view, which has the id that is returned; ``query`` is a query's form. Raises Overloaded."""
        return self._open(ClientView(self._id(), query, since))

    def resume(self, id: int) -> None:
        """Ask for an interrupted stream or view again; without a connection, the next one does so anyway."""
        stream = self._streams.get(id)
        if stream and not stream.live and id not in self._outbox and self._outbox.limits:
            self._outbox.add(stream.request(self._outbox.limits))

    def consumed(self, id: int, count: int) -> None:
        """``count`` changes of a stream were used, so the server may send as many more."""
        stream = self._streams.get(id)
        if isinstance(stream, ClientStream):
            stream.consumed(count)
            self._grant(stream)

    def unsubscribe(self, id: int) -> None:
        """Close a stream or view; no event of it follows."""
        stream = self._streams.pop(id, None)
        self._outbox.drop(id)
        if stream and (stream.live or self._outbox.sent(id)):
            self._outbox.add(Unsubscribe(self._id(), id))

    # Presence

    def join_presence(self, collection: str, client: int) -> None:
        """Hear of a collection's presence, until all clients that have joined it have left."""
        if self._presences.join(collection, client):
            self._tell(Join(self._id(), collection))

    def set_presence(self, collection: str, client: int, state: Any) -> int:
        """Say who ``client`` is: a call, answered at once without a connection: the next one says it."""
        for each in self._presences.again(collection, self._id) if self._outbox.limits else ():
            self._outbox.add(each)
        request = SetPresence(self._id(), collection, client, state)
        if self._outbox.limits:
            return self._call(request)
        encode(request, self._codec)
        self._said(request)
        return request.id

    def leave_presence(self, collection: str, client: int) -> None:
        """Take ``client`` out, and leave with the last one."""
        if self._presences.leave(collection, client):
            self._tell(Leave(self._id(), collection))
        else:
            self._tell(SetPresence(self._id(), collection, client, None))

    # Frames and events

    def ping(self) -> None:
        """Make the server send something, however many calls wait for it."""
        self._outbox.say(Ping(self._id()))

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
        for each in self._outbox.outgoing():
            if not isinstance(each, Outgoing):
                yield each
            elif limits := self._outbox.limits:
                reason = f"has {each.size} bytes, the server takes {limits.message_bytes} (message_bytes)"
                self._failed(each.request, LimitExceeded(f"the request {reason}"))

    def events(self) -> list[told.Event]:
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
                changed = told.PresenceChanged(message.collection, message.states, message.complete)
                self._events.append(changed)
            case Expiring():
                self._events.append(told.TokenExpiring(message.seconds))
            case Bye():
                self._outbox.limits = None  # what was not sent waits for the next connection
            case Welcome():
                raise ProtocolError("welcome comes once")
            case _:
                pass

    def _answered(self, result: Result) -> None:
        if result.more:
            if asked := self._outbox.sent(result.id):
                asked.parts += result.value
            return
        sent = self._outbox.take(result.id)
        if sent:
            self._seen.answered(sent.request, result.value)
            self._opened_structures.answered(sent.request, result.value)
        if sent and isinstance(sent.request, Opening):
            self._opened(result)
        elif result.id in self._calls and sent:
            self._calls.discard(result.id)
            if isinstance(sent.request, SetPresence):
                self._said(sent.request)
            else:
                value = [*sent.parts, *result.value] if sent.parts else result.value
                self._events.append(told.Answered(result.id, value))

    def _refused(self, error: Error) -> None:
        if error.id is None:
            raise ProtocolError(f"the server did not understand a message: {error.failure.message}")
        sent, reason = self._outbox.take(error.id), error.failure.error()
        if sent:
            self._seen.refused(sent.request, reason)
            self._presences.refused(sent.request)
            self._failed(sent.request, reason)
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
            self._events.append(told.Interrupted(id, error))
        else:
            del self._streams[id]
            self._events.append(told.Failed(id, error))

    def _said(self, request: SetPresence) -> None:
        """The server knows, or the next connection will say it: an error of the server is not repeated."""
        self._presences.said(request)
        self._events.append(told.Answered(request.id, None))

    def _survive(self, entry: Outgoing, *, sent: bool) -> None:
        """What becomes of a request when its connection is lost."""
        id, request = entry.request.id, entry.request
        if id not in self._calls:
            return  # of the session itself, which says it anew, or of nobody any more
        if isinstance(request, SetPresence):
            self._calls.discard(id)
            self._said(request)
        elif isinstance(request, Renew):
            self._calls.discard(id)
            self._events.append(told.Answered(id, None))  # the next connection begins with a fresh one
        elif sent and not repeatable(request):
            self._fail(id, OutcomeUnknown(f"the connection broke after the {request.type} was sent"))
        else:
            entry.parts.clear()
            self._outbox.put_back(entry)

    def _open(self, stream: ClientStream | ClientView) -> int:
        self._check_room()
        self._streams[stream.id] = stream
        self.resume(stream.id)
        return stream.id

    def _grant(self, stream: ClientStream) -> None:
        if more := stream.grant():
            self._outbox.say(more)

    def _call(self, request: Request) -> int:
        self._check_room()
        self._outbox.add(request)
        self._calls.add(request.id)
        return request.id

    def _check_room(self) -> None:
        if len(self._calls) + len(self._streams) >= self._max_calls:
            raise Overloaded(f"{self._max_calls} calls, streams and views wait already (calls)")

    def _tell(self, request: Request) -> None:
        """Without a connection there is nobody to tell."""
        if self._outbox.limits:
            self._outbox.add(request)

    def _failed(self, request: Request, error: ProtoBaseError) -> None:
        if isinstance(request, Opening):
            self._ended(request.id, error)
        else:
            self._fail(request.id, error)

    def _fail(self, id: int, error: ProtoBaseError) -> None:
        if id in self._calls:
            self._calls.discard(id)
            self._events.append(told.Failed(id, error))

    def _id(self) -> int:
        self._last_id += 1
        return self._last_id
