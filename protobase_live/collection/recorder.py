"""Knowing what a process died of: what the code of collections runs for is told to a `Recorder`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from types import coroutine
from typing import Any, Literal, Protocol

from protobase_live.collection.messages import Updates


@dataclass(frozen=True, slots=True, eq=False)
class Doing:
    """What the code of a collection runs for."""

    what: Literal["load", "turn"]
    collection: str
    sent: Sequence[Updates] = ()
    """What Yjs clients have sent that is taken in this turn."""


class Recorder(Protocol):
    """Is told, and tells what has ended a process before."""

    def begin(self, doing: Doing) -> None:
        """Code runs for this, until `end`. Called often, and again with the same object."""
        ...

    def end(self) -> None:
        """It does not run."""
        ...

    def refusal(self, message: Updates) -> str | None:
        """Why a message is not to be taken: a process died of it."""
        ...

    def is_suspect(self, message: Updates) -> bool:
        """Whether a process may have died of a message, which is to be taken alone."""
        ...

    def unloadable(self, collection: str) -> str | None:
        """Why a collection is not to be loaded: processes died of it."""
        ...


@coroutine
def recorded(
    recorder: Recorder, doing: Doing, running: Coroutine[Any, Any, None]
) -> Generator[Any, Any, None]:
    """Run something, and tell of each stretch between two waits, in which nothing else runs."""
    go_on: Callable[[Any], Any] = running.send
    value: Any = None
    while True:
        recorder.begin(doing)
        try:
            waited_for = go_on(value)
        except StopIteration:
            return
        finally:
            recorder.end()
        try:
            go_on, value = running.send, (yield waited_for)
        except BaseException as error:  # it is for what runs: a cancellation, too
            go_on, value = running.throw, error
