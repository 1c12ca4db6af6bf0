"""What a turn did to one entry."""

from __future__ import annotations

from typing import Any, NamedTuple


class Difference(NamedTuple):
    """What a turn did to one record or structure entry; None stands for absent."""

    structure: str
    key: Any
    before: Any
    after: Any
