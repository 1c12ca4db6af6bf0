"""Digests of what transactions have read, taken again in the turn that carries them out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any, NamedTuple

from protobase_live.document import touched_by
from protobase_live.model import values
from protobase_live.model.operations import RECORDS, Op, Read, Target
from protobase_live.permissions.permits import Permit
from protobase_live.structures import RECORDS_KIND

Question = tuple[Target, str, bytes]
"""A read, packed: 1 and True are different arguments that Python calls equal."""


PAUSE_BYTES = 64 * 1024
"""About how many bytes of answers are compared before others may run."""

MAX_LOOKED_THROUGH = 100
"""Most changed records or structures for which what is known is looked through; beyond, all is forgotten."""


class Digest(NamedTuple):
    """What an answer came to."""

    digest: bytes
    size: int
    """Bytes of the answer."""
    structure: str
    concerns: Callable[[str | None], bool]
    """Whether a change of the record with this key may change it; None: of something unknown."""

    def concerned(self, structure: str, key: str | None) -> bool:
        """Whether a change of what is there may change the answer."""
        return structure == self.structure and self.concerns(key)


class Digests:
    """Each question is answered once, however many transactions of a turn rely on it."""

    def __init__(self, ask: Callable[[Read], Any], permit: Permit | None = None) -> None:
        """``ask`` answers from the document as it is at that moment; ``permit`` says what of it is seen."""
        self._ask = ask
        self._permit = permit
        self._known: dict[Question, Digest] = {}

    def of(self, read: Read) -> Generator[None, None, Digest]:
        """The digest of the answer now, with pauses in which nothing else may be done with the document.

        Raises what reading raises.
        """
        question = (read.target, read.method, values.pack(list(read.args)))
        known = self._known.get(question)
        if known is None:
            permit = self._permit
            answer = (
                self._ask(read) if permit is None else (yield from permit.answer_in_steps(read, self._ask))
            )
            packed = yield from _pack(answer)
            size = sum(map(len, packed))
            concerns = _concerns(read, answer)
            known = Digest(values.digest_packed(packed), size, read.target.path[0], concerns)
            self._known[question] = known
        return known

    def forget(self, ops: Iterable[Op]) -> None:
        """Operations were carried out: forget the answers that they may have changed."""
        changed = {touched_by(op) for op in ops} if self._known else set[tuple[str, str | None]]()
        if len(changed) > MAX_LOOKED_THROUGH:
            self._known.clear()
        for structure, key in changed if self._known else ():
            found = [question for question, each in self._known.items() if each.concerned(structure, key)]
            for question in found:
                del self._known[question]


def _pack(answer: Any) -> Generator[None, None, list[bytes]]:
    packed, unpaused = list[bytes](), 0
    for portion in values.portions(answer):
        packed.append(portion)
        unpaused += len(portion)
        if unpaused >= PAUSE_BYTES:
            unpaused = 0
            yield
    return packed


def _concerns(read: Read, answer: Any) -> Callable[[str | None], bool]:
    if read.target != RECORDS:
        inside = read.target.path[1] if len(read.target.path) == 3 else None
        return lambda key: inside is None or key is None or key == inside
    if read.method in ("get", "contains"):
        return lambda key: key is None or key == read.args[0]
    if read.method in ("keys", "items"):
        after, limit = RECORDS_KIND.check_read(read.method, read.args)
        full = len(answer) == limit
        last = (answer[-1] if read.method == "keys" else answer[-1][0]) if full else None
        return lambda key: key is None or ((after is None or key > after) and (last is None or key <= last))
    return lambda key: True
