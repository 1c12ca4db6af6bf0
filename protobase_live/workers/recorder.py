"""A worker's `Recorder`: what it does goes into its flight record, and what workers died of stays out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from protobase_live.collection.messages import Updates
from protobase_live.collection.recorder import Doing
from protobase_live.workers.flight_record import FlightRecord, digest_of


class FlightRecorder:
    """That of one process. Times are those of the machine: the supervisor compares them with its own."""

    def __init__(self, record: FlightRecord) -> None:
        self._record = record
        self._doing: Doing | None = None
        self._packed = b""
        self._refused: frozenset[str] = frozenset()
        self._suspects: frozenset[str] = frozenset()
        self._unloadable: frozenset[str] = frozenset()

    def learn(self, told: Mapping[str, Sequence[str]]) -> None:
        """What is known now of the deaths of workers: `Known.told`."""
        self._refused = frozenset(told["refused"])
        self._suspects = frozenset(told["suspects"])
        self._unloadable = frozenset(told["unloadable"])

    def beat(self) -> None:
        """The worker lives."""
        self._record.beat(time.monotonic())

    def begin(self, doing: Doing) -> None:
        """See `Recorder.begin`."""
        if self._doing is not doing:
            sent = [(each.editor.author, each.editor.address, each.updates) for each in doing.sent]
            self._doing, self._packed = doing, self._record.pack(doing.what, doing.collection, sent)
        self._record.begin(doing, self._packed, time.monotonic())

    def end(self) -> None:
        """See `Recorder.end`."""
        self._record.end()

    def refusal(self, message: Updates) -> str | None:
        """See `Recorder.refusal`."""
        if not self._refused or self._refused.isdisjoint(map(digest_of, message.updates)):
            return None
        return "the server died of the same bytes before; they are not taken again"

    def is_suspect(self, message: Updates) -> bool:
        """See `Recorder.is_suspect`."""
        return bool(self._suspects) and not self._suspects.isdisjoint(map(digest_of, message.updates))

    def unloadable(self, collection: str) -> str | None:
        """See `Recorder.unloadable`."""
        if collection not in self._unloadable:
            return None
        return (
            f"collection {collection!r} is not loaded: the server died in it again and again; its bytes are "
            "kept, 'protobase-live export --raw' prints them; it is tried again when the server is started"
        )
