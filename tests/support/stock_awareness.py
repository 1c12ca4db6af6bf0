"""A Yjs client's presence as stock clients have it (y-protocols ``awareness.js``, y-websocket's provider)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.awareness import Entry, decode_entries, encode_entries


class StockAwareness:
    """One client: what it says of itself and has heard of others, over one connection at a time."""

    def __init__(self, id: int) -> None:
        self.id = id
        self.states: dict[int, object] = {id: {}}
        self.clocks: dict[int, int] = {id: 0}
        self._send: Callable[[bytes], object] | None = None

    @property
    def state(self) -> object:
        """Its own state, None when it shows none."""
        return self.states.get(self.id)

    def set(self, state: object) -> None:
        """Show the others another state, None for none."""
        self.clocks[self.id] += 1
        self._put(self.id, state)
        self._say([self.id])

    def connect(self, send: Callable[[bytes], object]) -> None:
        """``send`` is given the frames that it sends."""
        self._send = send
        if self.state is not None:
            self._say([self.id])

    def disconnect(self) -> None:
        """It forgets the others' states, and keeps their clocks."""
        self._send = None
        self.states = {self.id: self.state} if self.state is not None else {}

    def hear(self, frame: bytes) -> None:
        """Take a frame, and tell everybody what was news, as the provider does."""
        message = yjs.decode(frame)
        if isinstance(message, yjs.AwarenessUpdate):
            news = [entry.client_id for entry in decode_entries(message.payload) if self._take(entry)]
            if news:
                self._say(news)

    def _take(self, entry: Entry) -> bool:
        id, clock, text = entry
        known = self.clocks.get(id, 0)
        if not (known < clock or (known == clock and text is None and id in self.states)):
            return False
        fresh = id not in self.clocks
        if text is None and id == self.id and self.state is not None:
            clock += 1
        else:
            self._put(id, None if text is None else json.loads(text))
        self.clocks[id] = clock
        return not (fresh and text is None)

    def _put(self, id: int, state: object) -> None:
        if state is None:
            self.states.pop(id, None)
        else:
            self.states[id] = state

    def _say(self, ids: Iterable[int]) -> None:
        if self._send is not None:
            entries = [
                Entry(id, self.clocks[id], json.dumps(self.states[id]) if id in self.states else None)
                for id in ids
            ]
            self._send(yjs.encode_awareness(encode_entries(entries)))
