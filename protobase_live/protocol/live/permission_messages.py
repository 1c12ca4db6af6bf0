"""What a client of the live protocol says of what others may do (``docs/protocol.md``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from protobase_live.protocol.live.fields import Fields


@dataclass(frozen=True, slots=True)
class RevokeRequest:
    """Takes away what an author may do with a collection, None: with all; or gives it back (``let_in``).

    Answered with null when what was open has ended.
    """

    type: ClassVar[str] = "revoke"
    id: int
    author: str
    collection: str | None = None
    let_in: bool = False

    @classmethod
    def parse(cls, fields: Fields) -> RevokeRequest:
        """Raises ProtocolError."""
        of = fields.text("author"), fields.optional_text("collection")
        return cls(fields.count("id"), *of, fields.optional_flag("let_in"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "author": self.author, "collection": self.collection, "let_in": self.let_in}
