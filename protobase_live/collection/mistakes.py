"""Mistakes of this program that harm nobody but who asked: the log is told, and who asked is told so."""

from __future__ import annotations

import logging

from protobase_live.errors import Unavailable

_log = logging.getLogger("protobase_live")


def nothing_done(what: str, error: Exception) -> Unavailable:
    """The error of something that failed on an exception nobody foresaw, and had changed nothing yet."""
    _log.error("%s failed: %r", what, error, exc_info=error)
    return Unavailable(f"{what} failed, nothing was done: {error!r}")
