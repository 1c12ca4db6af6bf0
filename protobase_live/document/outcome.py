"""What a turn amounts to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protobase_live.document.difference import Difference
from protobase_live.document.held import Sender
from protobase_storage.commit import Part


@dataclass(frozen=True, slots=True)
class Outcome:
    """The update of a turn, who touched what, and the differences."""

    update: bytes
    parts: tuple[Part, ...]
    differences: tuple[Difference, ...]
    reached: Mapping[int, int]
    """The next clocks of the Yjs clients that wrote."""
    senders: tuple[Sender, ...]
    """Whose updates it has, beside transactions."""
    refusals: Mapping[Sender, str]
    """Who of them wrote something that was refused and is put back, and why."""
