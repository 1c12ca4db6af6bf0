"""One document of a Hocuspocus client: a Yjs client's session that says what became of what it was sent."""

from __future__ import annotations

import json

from protobase_live.collection.messages import Greet, Settle, Sync
from protobase_live.errors import ProtocolError
from protobase_live.presence.hub import PresenceHub
from protobase_live.protocol.hocuspocus import messages as hocuspocus
from protobase_live.protocol.hocuspocus.receipts import Receipts
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.awareness import gone_last, readable_entries
from protobase_live.server.handover import LongSync
from protobase_live.server.hocuspocus_line import HocuspocusLine
from protobase_live.server.yjs_door import YjsSession
from protobase_live.server.yjs_presence import YjsPresence

_MARK = b""
"""Of the one question that a session asks its collection: is everything stored?"""


class HocuspocusPresence(YjsPresence):
    """A stock provider that hears it is gone keeps to itself that it is not; it answers when it is asked."""

    _own = frozenset[int]()

    def apply(self, payload: bytes) -> None:
        """What the client says; it begins with itself."""
        if not self._own:
            self._own = frozenset(entry.client_id for entry in readable_entries(payload))
        super().apply(payload)

    def _send(self, payload: bytes) -> None:
        super()._send(payload)
        if self._own and gone_last(payload) in self._own:
            self._line.write(yjs.QUERY_AWARENESS_FRAME)


class HocuspocusSession(YjsSession):
    """One document of a client, with its messages as they stand behind the document's key.

    The client speaks first, is answered each sync step 1 with one, too, and is told of each step 2 and update
    that it sends when that is durable.
    """

    door = "hocuspocus"
    _line: HocuspocusLine
    _receipts: Receipts

    def begin(self, presence: PresenceHub, collection: str) -> None:
        """Take part in the presence of the collection."""
        self._receipts = Receipts()
        super().begin(presence, collection)

    def _join(self, presence: PresenceHub, collection: str) -> YjsPresence:
        return HocuspocusPresence(presence, collection, self._line, self._clock, self._limits)

    # from the client

    def _hand_over(self) -> None:
        """Send the updates that came, and ask when all of them are stored."""
        super()._hand_over()
        if self._receipts.begin():
            self._handover.send(Settle(self, _MARK))

    def _take_other(self, frame: bytes) -> None:
        self._take_said(hocuspocus.decode(frame))

    def _take_said(self, message: hocuspocus.Message | None) -> None:
        match message:
            case yjs.SyncStep1():
                self._receipts.begin_again()
                self._take_message(message)
            case yjs.SyncStep2(update):
                self._take_answer(update)
            case hocuspocus.SyncReply(yjs.SyncStep1() as step1):
                self._take_message(step1)
            case hocuspocus.SyncReply(reply):
                self._take_said(reply)
            case hocuspocus.Broadcast():
                raise ProtocolError("only servers broadcast (message type 6)")
            case hocuspocus.Auth() | hocuspocus.Close():
                pass  # looked at before
            case _:
                self._take_message(message)

    def _take_answer(self, update: bytes) -> None:
        if self._receipts.counts_answer():
            self._take_update(update)
        else:
            super()._take_update(update)

    def _take_update(self, update: bytes) -> None:
        self._receipts.add()
        super()._take_update(update)

    def _send_wanted(self, wanted: Sync | LongSync) -> None:
        if self._receipts.pairing:
            self._handover.send(Greet(self))
        super()._send_wanted(wanted)

    # to the client

    def _send_greeting(self, state: bytes) -> None:
        self._receipts.question()
        super()._send_greeting(state)

    def settle(self, mark: bytes | None) -> None:
        """What came before is durable; the client hears so of each message for itself."""
        if mark is None:
            super().settle(mark)
            return
        self._line.write_often(hocuspocus.encode_sync_status(), self._receipts.end())
        self.take_end()

    def _say_put_back(self, reason: str) -> None:
        """Programs hear it as a stateless message: to a provider a sync status would be for ever unsaved."""
        self._line.write(hocuspocus.encode_stateless(json.dumps({"refused": reason})))
