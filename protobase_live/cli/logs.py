"""What a command's log looks like: a line on standard error for each event."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

LOGGER = "protobase_live"
"""The logger above all of the package's."""


class TextFormatter(logging.Formatter):
    """``TIME LEVEL LOGGER: MESSAGE``, in one line; below it a traceback, if there is one."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """A client may have chosen a part of the message, and is not to make lines of its own."""
        return "".join(
            each if each.isprintable() else f"\\x{ord(each):02x}" for each in super().formatMessage(record)
        )


class JsonFormatter(logging.Formatter):
    """An object with ``time``, ``level``, ``logger`` and ``message``, and ``traceback`` if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told)


def log_to_stderr(level: str, style: str) -> None:
    """Print what the package logs from ``level`` on, as ``text`` or ``json``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    logger.propagate = False
