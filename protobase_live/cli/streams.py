"""How standard output is written to: what programs read is UTF-8, whatever the locale."""

from __future__ import annotations

import io
import sys
from typing import Any, Literal, cast

from protobase_live.errors import ValidationError


def print_utf8() -> None:
    """From now on what is printed is for programs: lines of JSON, CSV."""
    _configure("utf-8", "strict")


def print_escaped() -> None:
    """From now on what the locale has no characters for is printed as escapes.

    Raises ValidationError where standard output is closed: what is opened next would be written over.
    """
    if cast(object, sys.stdout) is None:
        raise ValidationError("standard output is closed; write it to /dev/null if nobody is to read it")
    _configure(None, "backslashreplace")


def _configure(encoding: str | None, errors: Literal["strict", "backslashreplace"]) -> None:
    out: object = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        cast("io.TextIOWrapper[Any]", out).reconfigure(encoding=encoding, errors=errors)
