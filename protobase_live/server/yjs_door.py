"""The Yjs door: ``/yjs/<collection>`` for stock y-websocket clients.

What a client sends in one piece is checked and handed to the collection as one message; the collection
shows each turn to all clients as one frame, encoded once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from protobase_actors import ActorError, MailboxFull, Ref
from protobase_live.database.messages import CatchUp, Greet, Leave, Message, Shown, Sync, Updates
from protobase_live.errors import LimitExceeded, ProtoBaseError
from protobase_live.live.presence import Membership, PresenceHub
from protobase_live.protocol import yjs
from protobase_live.protocol.awareness import encode_entries
from protobase_live.protocol.limits import BAD_MESSAGE, MESSAGE_TOO_BIG, TRY_AGAIN
from protobase_live.protocol.state_vector import decode_state_vector
from protobase_live.protocol.update import UpdateInfo, check_update
from protobase_live.server.limits import ServerLimits

if TYPE_CHECKING:
    from protobase_live.server.connection import Connection

NOBODY = encode_entries([])
"""The presence of an empty room."""


class YjsSession:
    """One Yjs client of one collection; the collection's `Subscriber`."""

    def __init__(
        self, connection: Connection, ref: Ref[Message], limits: ServerLimits, author: str | None
    ) -> None:
        self.author = author
        self._connection = connection
        self._ref = ref
        self._limits = limits
        self._updates: list[bytes] = []
        self._infos: list[UpdateInfo] = []
        self._waiting: list[Message] = []
        self._sender: asyncio.Task[None] | None = None
        self._lagging = False
        self._presence_missed = False
        self._membership: Membership | None = None

    async def run(self, presence: PresenceHub, collection: str) -> None:
        """Serve the client until its connection ends."""
        self._membership, known = presence.join(collection, self._show_presence)
        try:
            self._send(Greet(self))
            if known != NOBODY:
                self._show_presence(known)
            await self._connection.attend(self)
        finally:
            self._membership.leave()
            if self._sender is not None:
                self._sender.cancel()
            await self._leave()

    async def _leave(self) -> None:
        try:
            await self._ref.tell(Leave(self))
        except ActorError:
            return  # it is gone, and its subscribers with it

    # from the client

    def take_frame(self, frame: bytes) -> None:
        """One message; updates wait for `take_end`. Must not raise."""
        try:
            update = yjs.update_of(frame)
            if update is None:
                self._take_message(yjs.decode(frame))
            else:
                self._take_update(update)
        except ProtoBaseError as error:
            self.reject(error)

    def take_end(self) -> None:
        """The last message that was there for now."""
        if self._updates:
            self._send(Updates(self, self._updates, self._infos))
            self._updates, self._infos = [], []

    def _take_update(self, update: bytes) -> None:
        if update != EMPTY_UPDATE:
            self._infos.append(check_update(update))
            self._updates.append(update)

    def _take_message(self, message: yjs.Message | None) -> None:
        match message:
            case yjs.SyncStep1(state):
                decode_state_vector(state)
                self.take_end()
                self._send(Sync(self, state))
            case yjs.SyncStep2(update) | yjs.Update(update):
                self._take_update(update)
            case yjs.AwarenessUpdate(payload):
                assert self._membership is not None
                self._membership.apply(payload)
            case yjs.QueryAwareness():
                self._show_all_presence()
            case _:
                pass  # the protocol says to ignore what one does not know

    def _send(self, message: Message) -> None:
        """To the collection, in order; while there is no room, the socket is not read."""
        if self._sender is None:
            try:
                self._ref.try_tell(message)
                return
            except MailboxFull:
                self._sender = asyncio.get_running_loop().create_task(self._send_waiting())
            except ActorError:
                self.resync()
                return
        self._waiting.append(message)
        if len(self._waiting) >= self._limits.pending_chunks:
            self._connection.pause_reading()

    async def _send_waiting(self) -> None:
        try:
            while self._waiting:
                await self._ref.tell(self._waiting[0])
                self._waiting.pop(0)
            self._sender = None
            self._connection.resume_reading()
        except ActorError:
            self.resync()

    # to the client

    def can_write(self) -> None:
        """The connection's buffer is empty again."""
        if self._lagging:
            self._lagging = False
            self._send(CatchUp(self))
        if self._presence_missed:
            self._presence_missed = False
            self._show_all_presence()

    def greet(self, state: bytes) -> None:
        """Sync step 1: stock clients expect it first, and answer it with what the collection lacks."""
        self._connection.write(yjs.encode_step1(state))

    def answer(self, updates: Sequence[bytes]) -> None:
        """Everything; sync step 2 comes last, for it tells the client that it has all there is."""
        *first, last = updates
        for update in first:
            if update != EMPTY_UPDATE:
                self._connection.write(yjs.encode_update(update))
        self._connection.write(yjs.encode_step2(last))

    def show(self, shown: Shown) -> bool:
        """A turn's update, unless the client does not read. Runs for every update and subscriber."""
        connection = self._connection
        if connection.paused and connection.backlog > self._limits.backlog_bytes:
            self._lagging = True
            return False
        if shown.frame is None:
            shown.frame = connection.render(yjs.encode_update(shown.update))
        if connection.writable:
            connection.transport.write(shown.frame)
        return True

    def _show_presence(self, payload: bytes) -> None:
        if self._connection.backlog <= self._limits.backlog_bytes:
            self._connection.write(yjs.encode_awareness(payload))
        else:
            self._presence_missed = True

    def _show_all_presence(self) -> None:
        if self._membership is not None and (known := self._membership.known()) != NOBODY:
            self._show_presence(known)

    def reject(self, error: ProtoBaseError) -> None:
        """Close: what the client sent cannot be taken. Stock clients do not reconnect after 44xx."""
        code = MESSAGE_TOO_BIG if isinstance(error, LimitExceeded) else BAD_MESSAGE
        self._connection.close_soon(code, str(error))

    def resync(self) -> None:
        """Close: the client has to begin again."""
        self._connection.close_soon(TRY_AGAIN, "the collection was reloaded, please reconnect")
