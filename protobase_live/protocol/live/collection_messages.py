"""What a client says of whole collections: list, delete, hash, back up, restore (``docs/protocol.md``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from protobase_live.protocol.live.fields import Fields


@dataclass(frozen=True, slots=True)
class CollectionsRequest:
    """Answered with ``{"collections": [...], "more": bool}``.

    They are those whose names begin with ``prefix`` and come behind ``after``, in order; ``more`` if that is
    not all.
    """

    type: ClassVar[str] = "collections"
    id: int
    prefix: str = ""
    after: str = ""

    @classmethod
    def parse(cls, fields: Fields) -> CollectionsRequest:
        """Raises ProtocolError."""
        prefix, after = fields.optional_text("prefix"), fields.optional_text("after")
        return cls(fields.count("id"), prefix or "", after or "")

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "prefix": self.prefix, "after": self.after}


@dataclass(frozen=True, slots=True)
class DropRequest:
    """Deletes a collection with its history; answered with null when that is durable."""

    type: ClassVar[str] = "drop"
    id: int
    collection: str

    @classmethod
    def parse(cls, fields: Fields) -> DropRequest:
        """Raises ProtocolError."""
        return cls(fields.count("id"), fields.text("collection"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "collection": self.collection}


@dataclass(frozen=True, slots=True)
class EraseRequest:
    """Has no byte left of a collection, or of one record of it and its past.

    Answered when that is so on the server's disk, with ``{"done": [node, ...], "left": {node: why}}``.
    """

    type: ClassVar[str] = "erase"
    id: int
    collection: str
    key: str | None = None
    """The record's; None for all of the collection."""

    @classmethod
    def parse(cls, fields: Fields) -> EraseRequest:
        """Raises ProtocolError."""
        return cls(fields.count("id"), fields.text("collection"), fields.optional_text("key"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "collection": self.collection, "key": self.key}


@dataclass(frozen=True, slots=True)
class StateHashRequest:
    """Asks what a collection shows; answered with ``{"hash": text, "vector": {origin: number}}``."""

    type: ClassVar[str] = "state_hash"
    id: int
    collection: str

    @classmethod
    def parse(cls, fields: Fields) -> StateHashRequest:
        """Raises ProtocolError."""
        return cls(fields.count("id"), fields.text("collection"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "collection": self.collection}


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """Asks for what is stored of a collection, from the byte ``offset`` on.

    Answered with ``{"part": bytes, "version": text, "more": bool}``. Whoever asks for a further part says of
    which ``version``; a `Conflict` says that there is another one by now.
    """

    type: ClassVar[str] = "backup"
    id: int
    collection: str
    offset: int = 0
    version: str | None = None

    @classmethod
    def parse(cls, fields: Fields) -> BackupRequest:
        """Raises ProtocolError."""
        offset, version = fields.count("offset"), fields.optional_text("version")
        return cls(fields.count("id"), fields.text("collection"), offset, version)

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        asked = {"collection": self.collection, "offset": self.offset, "version": self.version}
        return {"id": self.id, **asked}


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """Gives a part of what `BackupRequest` gave, from the byte ``offset`` on, the parts in order.

    Answered with null; that of the last part, which has no ``more``, when all is stored and durable.
    """

    type: ClassVar[str] = "restore"
    id: int
    collection: str
    offset: int
    part: bytes
    more: bool

    @classmethod
    def parse(cls, fields: Fields) -> RestoreRequest:
        """Raises ProtocolError."""
        part, more = fields.binary("part"), fields.flag("more")
        return cls(fields.count("id"), fields.text("collection"), fields.count("offset"), part, more)

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        given = {"collection": self.collection, "offset": self.offset, "part": self.part}
        return {"id": self.id, **given, "more": self.more}


OfCollections = (
    CollectionsRequest | DropRequest | EraseRequest | StateHashRequest | BackupRequest | RestoreRequest
)
"""Requests about collections as a whole."""
