"""The base of all handles: what a program holds to work with one structure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, ClassVar, Self

from protobase_live.errors import naming
from protobase_live.model.operations import CheckedOp, Port, Read, Target
from protobase_live.model.values import quoted
from protobase_live.structures.kind import Kind

CheckElement = Callable[[Any], Any]


class Handle:
    """One structure of one collection, over any Port.

    Writes check their arguments at the call (ValidationError) and are durable once awaited; in a
    transaction they take effect at the call. Awaiting the handle itself opens the structure and gives the
    handle back: KindMismatch says that it is of another kind.
    """

    kind: ClassVar[str]
    """The kind's name; it also makes the class an annotation for a field of an Atom."""

    behaviour: ClassVar[Kind]

    def __init__(
        self, port: Port, collection: str, target: Target, check_element: CheckElement | None = None
    ) -> None:
        """``check_element`` gives an element that is to be added its final form; else ValidationError."""
        self._port = port
        self._collection = collection
        self._target = target
        self._element: CheckElement = check_element or _as_it_is

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._target} in {quoted(self._collection)}>"

    def __await__(self) -> Generator[Any, Any, Self]:
        return self._open().__await__()

    async def _open(self) -> Self:
        await self._port.read(self._collection, Read(self._target, "open"))
        return self

    def _write(self, action: str, *args: Any, method: str | None = None) -> Awaitable[None]:
        """``method`` is what was called, if that has another name than the action."""
        with naming(self._collection, self._target):
            checked = self.behaviour.check(action, args, method)
        return self._port.write(self._collection, [CheckedOp(self._target, action, checked)])

    def _read(self, method: str, *args: Any) -> Awaitable[Any]:
        with naming(self._collection, self._target):
            checked = self.behaviour.check_read(method, args)
        return self._port.read(self._collection, Read(self._target, method, checked))


def _as_it_is(element: Any) -> Any:
    return element
