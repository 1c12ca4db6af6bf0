"""The Yjs door: ``/yjs/<collection>`` for stock y-websocket clients.

What a client sends in one piece is handed to the collection as one message; the collection
shows each turn to all clients as one frame, encoded once. A client is never sent more than it reads: what it
asks for is asked of the collection one part at a time, when there is room for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import groupby

from protobase_actors import Clock, Ref
from protobase_live.collection.messages import (
    LARGE_UPDATE_BYTES,
    CatchUp,
    Greet,
    Message,
    Settle,
    ShownUpdate,
    Sync,
    Updates,
)
from protobase_live.document import Judge
from protobase_live.errors import CollectionDropped, Forbidden, LimitExceeded, ProtoBaseError
from protobase_live.presence.hub import PresenceHub
from protobase_live.protocol.live.limits import (
    BAD_MESSAGE,
    FORBIDDEN,
    GONE,
    MESSAGE_TOO_BIG,
    TOKEN_ENDED,
    TRY_AGAIN,
)
from protobase_live.protocol.shared_message import SharedMessage
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.state_vector import decode_state_vector
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE
from protobase_live.server.counters import Counters
from protobase_live.server.expiry import ENDED
from protobase_live.server.handover import Handover, LongSync
from protobase_live.server.limits import ServerLimits
from protobase_live.server.read_ahead import ReadAhead
from protobase_live.server.restraint import Restraint, Restraints, weight_of
from protobase_live.server.wire import Line, Wire
from protobase_live.server.yjs_presence import LIFE_SIGN, YjsPresence

_log = logging.getLogger(__name__)

_CODES = {LimitExceeded: MESSAGE_TOO_BIG, CollectionDropped: GONE, Forbidden: FORBIDDEN}
"""Refusals that are not the fault of the bytes."""


class YjsSession:
    """One Yjs client of one collection; the collection's `Editor`."""

    door = "yjs"
    """What metrics call where it came in."""

    def __init__(
        self,
        line: Line,
        ref: Ref[Message],
        clock: Clock,
        limits: ServerLimits,
        author: str | None,
        counters: Counters | None = None,
        read_ahead: ReadAhead | None = None,
        restraints: Restraints | None = None,
        *,
        echo: bool = False,
        imports: bool = False,
    ) -> None:
        """``imports``: the client brings what may have been deleted, and is meant to."""
        self.author = author
        self.echo = echo
        self._imports = imports
        self.judge: Judge | None = None
        """What the client may write; None: everything."""
        self._present = True
        """Whether the client may take part in presence; if not, it tells nobody and hears of nobody."""
        self.refused = False
        """Whether the client was closed for something that it would only do again."""
        self._line = line
        self._clock = clock
        self._limits = limits
        self._counters = counters or Counters()
        read_ahead = read_ahead or ReadAhead(limits.read_ahead_bytes)
        self._handover = Handover(self, ref, line, clock, limits, read_ahead, self.resync)
        self._updates: list[bytes] = []
        self._greeting: bytes | None = None
        self._asked = False
        self._wanted: Sync | LongSync | None = None
        self._more = False
        self._lagging = False
        self._settling = False
        self._mark: bytes | None = None
        self._restraints = restraints or Restraints(clock, limits)
        self._restraint: Restraint | None = None
        """Of who may write nothing, or had something put back."""
        self._presence: YjsPresence | None = None
        self._room: tuple[PresenceHub, str] | None = None

    @property
    def address(self) -> str | None:
        """See `Editor`."""
        return self._line.address

    async def run(self, connection: Wire, presence: PresenceHub, collection: str) -> None:
        """Serve the client until its connection ends."""
        self.begin(presence, collection)
        try:
            self._handover.send(Greet(self))
            await connection.attend(self, self._limits.backlog_bytes)
        finally:
            await self.end()

    def begin(self, presence: PresenceHub, collection: str) -> None:
        """Take part in the presence of the collection."""
        self._room = presence, collection
        self._restrain_anew()
        self._take_part()

    def permit(self, judge: Judge | None, present: bool) -> None:
        """See `Editor`."""
        is_another, self.judge, self._present = judge != self.judge, judge, present
        self._take_part()
        if is_another:
            self._restrain_anew()

    def _take_part(self) -> None:
        if self._room is None:
            return
        if self._present and self._presence is None:
            self._presence = self._join(*self._room)
        elif not self._present and self._presence is not None:
            self._presence.leave()
            self._presence = None

    async def end(self) -> None:
        """The client is gone; wait until what it has said is handed over."""
        if self._presence is not None:
            self._presence.leave()
        self._room = None
        self._restrain_anew()
        self.take_end()
        await self._handover.finish()

    def _join(self, presence: PresenceHub, collection: str) -> YjsPresence:
        return YjsPresence(presence, collection, self._line, self._clock, self._limits)

    # from the client

    def take_frame(self, frame: bytes) -> None:
        """One message; updates wait for `take_end`. Must not raise."""
        try:
            update = yjs.update_of(frame)
            if update is None:
                self._take_other(frame)
            else:
                self._take_update(update)
        except ProtoBaseError as error:
            self.reject(error)

    def take_end(self) -> None:
        """The last message that was there for now."""
        if self._restraint is not None and self._keeps:
            self._restraint.wait(self._write_on)
            self._handover.keep(weight_of(self._updates))
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        """Send the updates that came."""
        if self._updates:
            size = sum(map(len, self._updates))
            updates, self._updates = self._updates, []
            if size <= LARGE_UPDATE_BYTES:
                self._handover.send(Updates(self, updates, imported=self._imports), size)
            else:
                for some in _apart(updates):
                    self._handover.send(Updates(self, some, imported=self._imports), sum(map(len, some)))
            self._counters.received_bytes.add(self.door, size)

    def take_probe(self) -> None:
        """Show a client that only reads that this connection lives."""
        if not self._line.crowded:
            self._line.write(LIFE_SIGN)

    def _take_update(self, update: bytes) -> None:
        if update != EMPTY_UPDATE:
            self._updates.append(update)

    def _take_other(self, frame: bytes) -> None:
        """Take any message but an ordinary update. Raises ProtocolError."""
        self._take_message(yjs.decode(frame))

    def _take_message(self, message: yjs.Message | None) -> None:
        match message:
            case yjs.SyncStep1(state):
                is_long = len(state) > LARGE_UPDATE_BYTES
                self._wanted = LongSync(self, state) if is_long else Sync(self, decode_state_vector(state))
                self._ask()
            case yjs.SyncStep2(update) | yjs.Update(update):
                self._take_update(update)
            case yjs.AwarenessUpdate(payload):
                if self._presence is not None:
                    self._presence.apply(payload)
            case yjs.QueryAwareness():
                if self._presence is not None:
                    self._presence.answer()
            case yjs.SyncStatus(mark):
                self._mark = mark
                self._settle()
            case _:
                pass  # the protocol says to ignore what one does not know

    # to the client

    def _ask(self) -> None:
        """Ask for what the client is to be sent next, one thing at a time.

        A newer state vector of it replaces an older one, and what was left of an answer to that.
        """
        if self._asked or self._line.crowded:
            return
        self.take_end()
        if self._wanted is not None:
            self._send_wanted(self._wanted)
        elif self._more or self._lagging:
            self._handover.send(CatchUp(self))
            self._lagging = False
        else:
            return
        self._asked, self._wanted, self._more = True, None, False

    def _send_wanted(self, wanted: Sync | LongSync) -> None:
        self._handover.send(wanted)

    def _settle(self) -> None:
        if self._mark is not None and not self._settling:
            self.take_end()
            if self._keeps:
                self.take_probe()  # y-sweet takes the connection for lost without any answer
                return
            self._handover.send(Settle(self, self._mark))
            self._settling, self._mark = True, None

    def can_write(self) -> None:
        """The connection's buffer is empty again."""
        if self._greeting is not None:
            greeting, self._greeting = self._greeting, None
            self.greet(greeting)
        self._ask()
        if self._presence is not None:
            self._presence.can_write()

    def greet(self, state: bytes) -> None:
        """Sync step 1: stock clients expect it first, and answer it with what the collection lacks."""
        if self._line.crowded:
            self._greeting = state
        else:
            self._send_greeting(state)

    def _send_greeting(self, state: bytes) -> None:
        self._line.write(yjs.encode_step1(state))

    def answer(self, update: bytes, complete: bool) -> None:
        """A part; the last one is sync step 2, which tells the client that it has all there is."""
        self._asked = False
        if complete:
            self._line.write(yjs.encode_step2(update))
        elif update != EMPTY_UPDATE:
            self._line.write(yjs.encode_update(update))
        self._more = not complete
        self._ask()

    def show(self, shown: ShownUpdate) -> bool:
        """A turn's update, unless the client does not read. Runs for every update and editor."""
        line = self._line
        if line.paused and line.crowded:
            self._lagging = True
            return False
        if shown.message is None:
            shown.message = SharedMessage(yjs.encode_update(shown.update))
        line.show(shown.message)
        return True

    def settle(self, mark: bytes | None) -> None:
        """What came before the mark is durable; a mark of the client's own is sent back to it."""
        if mark is None:
            self._handover.settled()
            return
        self._settling = False
        self._line.write(yjs.encode_sync_status(mark))
        self._settle()

    def put_back(self, reason: str) -> None:
        """The client is told why what it wrote is undone, as far as its protocol has words for that."""
        self._counters.refused_updates.add(self.door)
        where = "" if self._room is None else self._room[1]
        fields = {"event": "write_put_back", "door": self.door, "collection": where}
        _log.info("put back what %r wrote into %r: %s", self.author, where, reason, extra=fields)
        if not self._line.crowded:
            self._say_put_back(reason)
        if self._room is not None:
            self._restrain(where)

    def _restrain(self, where: str) -> None:
        """If that was once too often, what the client writes is kept for a while."""
        if self._restraint is None:
            self._restraint = self._restraints.one()
        if seconds := self._restraint.count():
            fields = {"event": "writing_paused", "door": self.door, "collection": where}
            said = "what %r writes into %r waits for %g s: too much was put back in a row"
            _log.info(said, self.author, where, seconds, extra=fields)

    @property
    def _keeps(self) -> bool:
        """Whether there is something that the client wrote and that has to wait."""
        return bool(self._updates) and self._restraint is not None and self._restraint.active

    def _restrain_anew(self) -> None:
        """It begins, it ends, or what it may write is something else now: what was put back does not count,
        unless it may write nothing, like others."""
        before, self._restraint = self._restraint, None
        if self._room is not None and self.judge is not None and self.judge.read_only:
            self._restraint = self._restraints.of(self._room[1])
        if before is not None:
            before.leave(self._write_on)
            self._write_on()

    def _write_on(self) -> None:
        """What was kept goes its way."""
        self._handover.keep(0)
        self.take_end()
        self._settle()

    def _say_put_back(self, reason: str) -> None:
        """Stock clients print it, and go on."""
        self._line.write(yjs.encode_permission_denied(reason))

    def reject(self, error: ProtoBaseError) -> None:
        """Close: what the client sent cannot be taken. Stock clients do not reconnect after 44xx."""
        if error.retryable:
            code = TRY_AGAIN
        else:
            self.refused = True
            code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), BAD_MESSAGE)
        self._line.close_soon(code, str(error))

    def expire(self) -> None:
        """Close: the client has to come back with a fresh token, which there is no way to ask it for."""
        self._line.close_soon(TOKEN_ENDED, f"{ENDED}: connect again with a fresh one")

    def resync(self) -> None:
        """Close: the client has to begin again."""
        self._line.close_soon(TRY_AGAIN, "the collection was reloaded, please reconnect")


def _apart(updates: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Updates in order, each large one for itself."""
    for is_large, group in groupby(updates, lambda update: len(update) > LARGE_UPDATE_BYTES):
        some = list(group)
        yield from [[update] for update in some] if is_large else [some]
