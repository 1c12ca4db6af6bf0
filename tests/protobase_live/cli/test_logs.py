"""One line for each event, whatever is in it."""

import json
import logging
import warnings
from contextlib import contextmanager

import pytest

from protobase_live.cli.logs import MOST_CHARS, JsonFormatter, TextFormatter, log_to_stderr

HOSTILE = [
    "x\n2026-01-01 00:00:00,000 ERROR protobase_live [owner_failed]: forged",
    "x\r\nforged",
    "x\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029forged",
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m red",
    "\u202egnp.exe",
    "\ud800",
    'a" code=1 event=forged',
    "\x00\x7f\x08\x08\x08",
]


def record(message, *args, error=None, **fields):
    info = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord("protobase_live.x", logging.INFO, "x.py", 1, message, args, info)
    vars(made).update(fields)
    return made


def test_text_is_one_line_even_if_a_client_wants_more():
    line = TextFormatter().format(record("refused %s", "x\nERROR forged\x1b[2J"))
    assert line.endswith("INFO protobase_live.x: refused x\\x0aERROR forged\\x1b[2J")
    assert len(line.splitlines()) == 1


def test_json_is_an_object():
    told = json.loads(JsonFormatter().format(record("refused %s", "x\ny")))
    assert told.pop("time").endswith("+00:00")
    assert told == {"level": "info", "logger": "protobase_live.x", "message": "refused x\ny"}


def test_fields_stand_before_the_message():
    told = record("no", event="connection_closed", connection="1f2e", collection="a b", code=4400, thing=1)
    line = TextFormatter().format(told)
    assert line.endswith(
        ' INFO protobase_live.x [connection_closed connection=1f2e collection="a b" code=4400]: no'
    )
    found = json.loads(JsonFormatter().format(told))
    assert found["event"] == "connection_closed"
    assert (found["connection"], found["collection"], found["code"]) == ("1f2e", "a b", 4400)
    assert "thing" not in found


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_what_a_client_has_chosen_makes_no_line_and_moves_no_cursor(text, formatter):
    line = formatter.format(record("at %s", text, event="connection_closed", collection=text))
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    line.encode()


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_client_has_chosen_is_no_field(text):
    told = record(f"at {text}] x [forged code=1]: y", event="connection_closed", collection=text)
    line = TextFormatter().format(told)
    where, _, rest = line.partition(" [connection_closed collection=")
    assert where.endswith("INFO protobase_live.x")
    found, end = json.JSONDecoder().raw_decode(rest)
    assert found == text
    assert rest[end:].startswith("]: at ")
    assert json.loads(JsonFormatter().format(told))["collection"] == text


def test_passwords_in_addresses_are_left_out():
    address = "wss://ann:s3cr3t@10.0.0.2:8765/peer"
    for formatter in TextFormatter(), JsonFormatter():
        line = formatter.format(record("no link to %s", address, event="link_failed", address=address))
        assert line.count("wss://10.0.0.2:8765/peer") == 2
        assert "s3cr3t" not in line


def test_what_is_endless_is_cut():
    for formatter in TextFormatter(), JsonFormatter():
        line = formatter.format(record("at %s", "x" * 100_000))
        assert len(line) < MOST_CHARS + 200
        assert f"... ({100_000 + 3 - MOST_CHARS} more characters)" in line


def raised(message):
    try:
        raise KeyError(message)
    except KeyError as error:
        return error


def test_a_traceback_stands_in_the_object():
    line = JsonFormatter().format(record("failed", error=KeyError("x")))
    assert len(line.splitlines()) == 1
    assert "KeyError" in json.loads(line)["traceback"]


def test_a_traceback_forges_no_line():
    error = ValueError("x\n2026-01-01 00:00:00,000 ERROR protobase_live: forged\x1b[2J")
    told = record("failed", error=error)
    told.exc_text = "as somebody else has\nformatted it"
    first, *others = TextFormatter().format(told).split("\n")
    assert first.endswith("failed")
    assert any("forged" in each for each in others)
    assert all(each.startswith("    ") and each.isprintable() for each in others)


@contextmanager
def printing():
    """The log is printed as JSON meanwhile, as it was not before."""
    loggers = [logging.getLogger(name) for name in ("protobase_live", "protobase_storage", None)]
    before = [(each.handlers[:], each.level, each.propagate) for each in loggers]
    try:
        log_to_stderr("warning", "json")
        yield
    finally:
        logging.captureWarnings(False)
        for each, (handlers, level, propagate) in zip(loggers, before, strict=True):
            each.handlers[:], each.propagate = handlers, propagate
            each.setLevel(level)


def test_both_packages_are_printed(capsys):
    with printing():
        for name in ("protobase_live.server", "protobase_storage.cloud"):
            logging.getLogger(name).warning("here", extra={"event": "serving"})
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [each["logger"] for each in lines] == ["protobase_live.server", "protobase_storage.cloud"]


def test_what_others_warn_of_is_printed_likewise(capsys):
    with printing():
        logging.getLogger("opentelemetry.sdk").error("no collector\nat all")
        logging.getLogger("opentelemetry.sdk").info("not told")
        warnings.showwarning("deprecated", UserWarning, "x.py", 1)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(each["level"], each["logger"], each["message"]) for each in lines] == [
        ("error", "opentelemetry.sdk", "no collector\nat all"),
        ("warning", "py.warnings", "x.py:1: UserWarning: deprecated\n"),
    ]
