"""The rows that a query gave."""

from __future__ import annotations

from typing import Any


class Rows(list[Any]):
    """The rows of an answer, in order."""
