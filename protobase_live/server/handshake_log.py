"""What the WebSocket library tells of handshakes that fail: one line each, for who looks for faults."""

from __future__ import annotations

import logging

from protobase_live.server.connection_log import here

NAME = "protobase_live.server.handshake"


def handshake_log() -> logging.Logger:
    """The logger that is given to the library."""
    logger = logging.getLogger(NAME)
    if not logger.filters:
        logger.addFilter(_shorten)
        # The library tells every header and frame where it may tell what is for debugging: tokens, and what
        # people write.
        logger.setLevel(logging.INFO)
    return logger


def _shorten(record: logging.LogRecord) -> bool:
    """A traceback for each client that sends nonsense would fill a disk."""
    if record.exc_info and (error := record.exc_info[1]) is not None:
        record.msg, record.args = "%s: %r", (record.getMessage(), error)
        record.exc_info = record.exc_text = None
    vars(record).update(here("library_said"))
    record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
    return logging.getLogger(NAME.rpartition(".")[0]).isEnabledFor(logging.DEBUG)
