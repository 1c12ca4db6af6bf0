"""Whether a database can be used: in its own event loop, until its end."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from protobase_live.database.known_errors import errors_named
from protobase_live.errors import Closed
from protobase_live.handles.home_loop import HomeLoop


class InUse:
    """What every call of a database passes first, before anything is done."""

    def __init__(self) -> None:
        self._home = HomeLoop()
        self.ended = False
        self._told: dict[Callable[[], None], None] = {}

    def end(self) -> None:
        """Nothing can be used from now on."""
        self.ended = True
        for tell in list(self._told):
            tell()

    def when_ended(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Have ``tell`` called at the end, unless what is returned was called before."""
        self._told[tell] = None

        def stop() -> None:
            self._told.pop(tell, None)

        return stop

    def require_home(self) -> None:
        """Raise ValidationError in another event loop than the one in which the database was used first."""
        self._home.require()

    def require(self) -> None:
        """`require_home`, and raise Closed after the end."""
        self._home.require()
        if self.ended:
            raise Closed("the database is closed")

    @contextmanager
    def asking(self, what: str) -> Generator[None]:
        """For what is asked of the storage itself; ``what`` is for messages. Raises as `require` does."""
        self.require()
        with errors_named(what):
            yield
