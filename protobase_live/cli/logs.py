"""What a command's log looks like: a line on standard error for each event, with the fields that it names.

Whatever a client has chosen, a name, a path, the reason of a close, makes no line of its own, is not taken
for a field, and does nothing to a terminal.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

LOGGER = "protobase_live"
"""The logger above all of the package's."""

STORAGE_LOGGER = "protobase_storage"
"""The logger above all of the storage's."""

FIELDS = ("event", "worker", "connection", "door", "collection", "node", "address", "code")
"""What a line may name beside its message (``extra`` of `logging`), in this order; docs/operating.md."""

MOST_CHARS = 2_000
"""A message with more, which quotes what somebody has made long, is cut."""

_USER = re.compile(r"(?<=://)[^/\s@]+@")
"""Who logs in, in an address."""

_BARE = re.compile(r"[\w.:/@-]+", re.ASCII)


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """The fields that a record names; those that are empty are left out."""
    found = vars(record)
    told = {name: found[name] for name in FIELDS if found.get(name) not in (None, "")}
    return {name: _without_user(value) if isinstance(value, str) else value for name, value in told.items()}


class TextFormatter(logging.Formatter):
    """``TIME LEVEL LOGGER [EVENT NAME=VALUE ...]: MESSAGE``, in one line.

    A traceback, if there is one, is below it, further to the right than any line begins.
    """

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        fields = fields_of(record)
        event = [str(fields.pop("event"))] if "event" in fields else []
        named = " ".join([*event, *(f"{name}={_quoted(value)}" for name, value in fields.items())])
        where = f"{record.name} [{named}]" if named else record.name
        line = f"{self.formatTime(record)} {record.levelname} {where}: {_escaped(_message(record))}"
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            line = "\n    ".join([line, *map(_escaped, trace.splitlines())])
        return line


class JsonFormatter(logging.Formatter):
    """An object with ``time``, ``level``, ``logger``, the fields, ``message``, and ``traceback`` if any."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **fields_of(record),
            "message": _message(record),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told).replace("\x7f", "\\u007f")


def _without_user(text: str) -> str:
    """An address may hold a password, which an operator has put there for a proxy."""
    return _USER.sub("", text)


def _message(record: logging.LogRecord) -> str:
    message = _without_user(record.getMessage())
    more = len(message) - MOST_CHARS
    return message if more <= 0 else f"{message[:MOST_CHARS]}... ({more} more characters)"


def _escaped(text: str) -> str:
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


def _quoted(value: object) -> str:
    """As it is, or as JSON has it if it could be taken for something else."""
    text = str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text).replace("\x7f", "\\u007f")


class _Naming(logging.Filter):
    """Lets everything pass, with the number of the worker that says it."""

    def __init__(self, worker: int) -> None:
        super().__init__()
        self._worker = worker

    def filter(self, record: logging.LogRecord) -> bool:
        """See logging.Filter."""
        record.worker = self._worker
        return True


def log_to_stderr(level: str, style: str, worker: int | None = None) -> None:
    """Print what the packages log from ``level`` on, as ``text`` or ``json``; each line names the worker.

    What libraries and Python itself warn of is printed likewise: no other lines are among these.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level.upper())
    if worker is not None:
        handler.addFilter(_Naming(worker))
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    for name in (LOGGER, STORAGE_LOGGER):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level.upper())
        logger.propagate = False
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(True)
