"""One line for each event, whatever is in it."""

import json
import logging

from protobase_live.cli.logs import JsonFormatter, TextFormatter


def record(message, *args, error=None):
    info = None if error is None else (type(error), error, None)
    return logging.LogRecord("protobase_live.x", logging.INFO, "x.py", 1, message, args, info)


def test_text_is_one_line_even_if_a_client_wants_more():
    line = TextFormatter().format(record("refused %s", "x\nERROR forged\x1b[2J"))
    assert line.endswith("INFO protobase_live.x: refused x\\x0aERROR forged\\x1b[2J")
    assert len(line.splitlines()) == 1


def test_json_is_an_object():
    told = json.loads(JsonFormatter().format(record("refused %s", "x\ny")))
    assert told.pop("time").endswith("+00:00")
    assert told == {"level": "info", "logger": "protobase_live.x", "message": "refused x\ny"}


def test_a_traceback_stands_in_the_object():
    line = JsonFormatter().format(record("failed", error=KeyError("x")))
    assert len(line.splitlines()) == 1
    assert "KeyError" in json.loads(line)["traceback"]
