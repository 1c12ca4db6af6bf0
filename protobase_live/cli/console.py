"""Where tables are printed."""

from __future__ import annotations

from rich.console import Console

PIPED_COLUMNS = 10_000
"""Width of what is no terminal: a file or a program gets addresses in one piece."""


def console() -> Console:
    """Standard output, as wide as the terminal, if it is one."""
    found = Console()
    return found if found.is_terminal else Console(width=PIPED_COLUMNS)
