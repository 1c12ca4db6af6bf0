"""A query that the server knows by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from protobase_live.client.link import Link

if TYPE_CHECKING:
    from protobase_live.live.live import Live
    from protobase_live.query.result.rows import Rows


class NamedQuery:
    """``await db.named("mine", done=True).rows()``, or ``async with db.named("mine").live() as live``."""

    def __init__(self, link: Link, name: str, params: Mapping[str, Any]) -> None:
        self._link = link
        self._form = {"named": name, "params": dict(params)}

    async def rows(self) -> Rows:
        """The rows now, as dicts.

        Raises ValidationError for a name or parameters that the server does not know, Forbidden, Unavailable.
        """
        from protobase_live.query.result.rows import Rows

        return Rows(await self._link.call(lambda session: session.query(self._form, explain=False)))

    def live(self, *, since: str | None = None, rows: Sequence[Any] | None = None) -> Live:
        """The rows, kept current; see `RemoteDatabase.live`."""
        from protobase_live.client.remote_live import RemoteLine
        from protobase_live.live.live import Live

        return Live(RemoteLine(self._link, self._form), None, since, rows)
