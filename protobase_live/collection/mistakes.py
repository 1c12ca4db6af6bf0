"""Mistakes of this program that harm nobody but who asked: the log is told, and who asked is told so."""

from __future__ import annotations

import logging
from pathlib import PurePath

from protobase_live.errors import Unavailable

MOST_CHARS = 200
"""So much of what an exception says is told: it may quote what somebody has written."""

_log = logging.getLogger("protobase_live")


def nothing_done(what: str, error: Exception, collection: str | None = None) -> Unavailable:
    """The error of something that failed on an exception nobody foresaw, and had changed nothing yet."""
    fields = {"event": "work_failed", **({} if collection is None else {"collection": collection})}
    _log.error("%s failed: %s", what, summary(error), exc_info=at_debug(error), extra=fields)
    return Unavailable(f"{what} failed, nothing was done: {error!r}")


def summary(error: BaseException) -> str:
    """An exception nobody foresaw, in a line: its class, the beginning of what it says, and where it was."""
    said, trace = str(error).partition("\n")[0][:MOST_CHARS], error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    told = f"{type(error).__name__}: {said}"
    if trace is None:
        return told
    return f"{told} ({PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"


def at_debug(error: BaseException) -> BaseException | None:
    """What is told of how it came to an exception, as `logging` takes it: nothing above level ``debug``."""
    return error if _log.isEnabledFor(logging.DEBUG) else None
