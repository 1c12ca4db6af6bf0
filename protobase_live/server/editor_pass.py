"""What one Yjs client may do in one collection, until that is asked about again."""

from __future__ import annotations

import asyncio
from typing import Protocol

from protobase_live.document import Judge
from protobase_live.errors import Forbidden, ProtoBaseError
from protobase_live.model.values import quoted
from protobase_live.permissions.permits import judge_of
from protobase_live.server.authority import Authority

READER = Judge(read_only=True)
"""Of who may write nothing."""


class Editor(Protocol):
    """Who has the pass."""

    def permit(self, judge: Judge | None, present: bool) -> None:
        """From now on what it writes is judged so, None: not at all; it takes part in presence, or not."""
        ...

    def reject(self, error: ProtoBaseError) -> None:
        """It may be here no more."""
        ...


class EditorPass:
    """Begins with `check`, and ends with `close`."""

    __slots__ = ("_authority", "_collection", "_editor", "_error", "_turn", "close", "judge", "present")

    def __init__(self, authority: Authority, collection: str) -> None:
        self.judge: Judge | None = READER
        """What may be written; None: everything."""
        self.present = False
        self._authority = authority
        self._collection = collection
        self._editor: Editor | None = None
        self._error: Forbidden | None = None
        self._turn = asyncio.Lock()
        self.close = authority.open([collection], self._reconsider)

    @property
    def read_only(self) -> bool:
        """Whether nothing may be written."""
        return self.judge is not None and self.judge.read_only

    @property
    def author(self) -> str | None:
        """Who has it."""
        identity = self._authority.identity
        return None if identity is None else identity.author

    @property
    def expires(self) -> float | None:
        """When its token ends, in seconds since 1970; None: never."""
        identity = self._authority.identity
        return None if identity is None else identity.expires

    async def check(self) -> None:
        """Find out. Raises Forbidden for who may not be here at all."""
        async with self._turn:  # what was asked last counts, and not what was answered last
            await self._check()

    async def _check(self) -> None:
        await self._authority.check("read", [self._collection])
        may_write = await self._authority.may("write", self._collection)
        present = await self._authority.may("presence", self._collection)
        grant = self._authority.grant(self._collection)
        if not grant.is_whole("read"):
            raise Forbidden(
                f"you may read collection {quoted(self._collection)} in parts, and a Yjs client has all: "
                "use /live or REST"
            )
        self.present = present
        self.judge = judge_of(grant) if may_write else READER

    def confirm(self) -> None:
        """Raises Forbidden if that has changed since."""
        if self._error is not None:
            raise self._error

    def give(self, editor: Editor) -> None:
        """From now on tell this editor."""
        self._editor = editor
        editor.permit(self.judge, self.present)

    async def _reconsider(self) -> None:
        try:
            await self.check()
        except Forbidden as error:
            self._error = error
            if self._editor is not None:
                self._editor.permit(READER, False)  # nor what it has said that waits for its turn
                self._editor.reject(error)
        else:
            if self._editor is not None:
                self._editor.permit(self.judge, self.present)
