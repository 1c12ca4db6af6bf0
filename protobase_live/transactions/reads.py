"""What a transaction has asked the backend, and what it therefore relies on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protobase_live.errors import Conflict, LimitExceeded
from protobase_live.model import values
from protobase_live.model.operations import Backend, Check, Read, Target

Question = tuple[str, Target, str, bytes]


class Reads:
    """Asks the backend and records a Check of every answer."""

    def __init__(self, backend: Backend, most: int) -> None:
        """``most`` is how many different questions may be asked."""
        self._backend = backend
        self._most = most
        self._checks: dict[Question, Check] = {}

    @property
    def checks(self) -> Sequence[Check]:
        """One check for each question, in the order they were asked first."""
        return list(self._checks.values())

    async def ask(self, collection: str, read: Read) -> Any:
        """The backend's answer.

        Raises Conflict when the same question has another answer than before, and LimitExceeded for a
        question too many.
        """
        # Packed, since 1 and True are different arguments that Python calls equal.
        question = (collection, read.target, read.method, values.pack(list(read.args)))
        if question not in self._checks and len(self._checks) >= self._most:
            raise LimitExceeded(f"a transaction asks at most {self._most} questions (transaction_reads)")
        answer = await self._backend.read(collection, read)
        check = Check(collection, read, values.digest(answer))
        if self._checks.setdefault(question, check).digest != check.digest:
            raise Conflict(f"{collection}: {read} changed while the transaction was reading")
        return answer
