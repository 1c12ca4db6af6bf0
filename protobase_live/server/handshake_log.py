"""What the WebSocket library tells of handshakes that fail: one line each, for who looks for faults."""

from __future__ import annotations

import logging

NAME = "protobase_live.server.handshake"


def handshake_log() -> logging.Logger:
    """The logger that is given to the library."""
    logger = logging.getLogger(NAME)
    if not logger.filters:
        logger.addFilter(_shorten)
    return logger


def _shorten(record: logging.LogRecord) -> bool:
    """A traceback for each client that sends nonsense would fill a disk.

    What the library tells when it looks for faults itself is left out: each address, header and frame, with
    the tokens that are in them.
    """
    if record.levelno <= logging.DEBUG:
        return False
    if record.exc_info and (error := record.exc_info[1]) is not None:
        record.msg, record.args = "%s: %r", (record.getMessage(), error)
        record.exc_info = record.exc_text = None
    record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
    return logging.getLogger(NAME).isEnabledFor(logging.DEBUG)
