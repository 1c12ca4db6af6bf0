"""What a commit shows to queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from protobase_storage import Vector

if TYPE_CHECKING:  # who only relays documents does without queries
    from protobase_live.live.views import Views


class Show(NamedTuple):
    """What one commit shows in one collection: records by key, None for those that are gone.

    ``vector`` is how far that takes the collection, ``indexes`` their declarations, if they may have changed.
    """

    views: Views
    collection: str
    records: Sequence[tuple[str, dict[str, Any] | None]]
    vector: Vector
    indexes: Iterable[str] | None = None
