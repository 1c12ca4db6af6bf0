"""Every line of the log is an event with a name, and docs/operating.md lists them all."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from protobase_live.cli.logs import FIELDS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("protobase_live", "actors", "storage")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
OF_LIBRARIES = {"library_said"}
"""Events of lines that a library writes: they are named where these are passed on."""


class Unnamed(Exception):
    """A call that names no event."""


def logged(source: str) -> Iterator[tuple[str, set[str]]]:
    """The events of a module's log calls, and the other fields that each names. Raises Unnamed."""
    tree = ast.parse(source)
    for scope in ast.walk(tree):
        if isinstance(scope, ast.Call) and _is_log_call(scope):
            extra = next((each.value for each in scope.keywords if each.arg == "extra"), None)
            if isinstance(extra, ast.Name):
                extra = _assigned(tree, extra.id, scope.lineno)
            yield _fields(extra, scope.lineno)


def _is_log_call(call: ast.Call) -> bool:
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr in LEVELS
        and isinstance(function.value, ast.Name)
        and function.value.id in ("_log", "logging", "logger", "log")
    )


def _assigned(tree: ast.AST, name: str, before: int) -> ast.expr | None:
    """What was assigned to a name last, above a line."""
    found = None
    for each in ast.walk(tree):
        if isinstance(each, ast.Assign) and each.lineno <= before:
            for target in each.targets:
                names, values = [target], [each.value]
                if isinstance(target, ast.Tuple) and isinstance(each.value, ast.Tuple):
                    names, values = target.elts, each.value.elts
                for one, value in zip(names, values, strict=True):
                    is_it = isinstance(one, ast.Name) and one.id == name
                    if is_it and (found is None or each.lineno > found[0]):
                        found = each.lineno, value
    return None if found is None else found[1]


def _fields(extra: ast.expr | None, line: int) -> tuple[str, set[str]]:
    match extra:
        case ast.Dict(keys=[ast.Constant(value="event"), *more], values=[ast.Constant(value=str(event)), *_]):
            return event, {each.value for each in more if isinstance(each, ast.Constant)}
        case ast.Call(func=ast.Name(id="here"), args=[ast.Constant(value=str(event))], keywords=more):
            return event, {each.arg or "" for each in more}
        case _:
            raise Unnamed(f"line {line}: a log call names its event: extra={{'event': ...}} or here(...)")


def all_logged() -> Iterator[tuple[str, set[str]]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            try:
                yield from logged(path.read_text())
            except Unnamed as error:
                raise AssertionError(f"{path.relative_to(ROOT)}: {error}") from None


def listed() -> list[str]:
    """The events in the table of the page."""
    page = (ROOT / "docs" / "operating.md").read_text()
    table = page.partition("### Events")[2].partition("\n#")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_every_line_names_its_event_and_only_fields_that_are_shown():
    events = list(all_logged())
    assert len(events) > 30
    for event, fields in events:
        assert re.fullmatch(r"[a-z_]+", event)
        assert fields <= set(FIELDS), f"{event} names what no format shows"


def test_the_list_of_events_is_whole():
    there = {event for event, _ in all_logged()} | OF_LIBRARIES
    assert sorted(listed()) == sorted(there)


@pytest.mark.parametrize(
    "call",
    [
        '_log.info("hello")',
        '_log.info("hello", extra={"collection": "a"})',
        '_log.info("hello", extra=here(name))',
        'logging.error("hello")',
    ],
)
def test_a_call_without_one_is_found(call):
    with pytest.raises(Unnamed):
        list(logged(call))


def test_what_a_call_names_is_found():
    assert list(logged('fields = here("a", code=1)\n_log.info("x", extra=fields)')) == [("a", {"code"})]
    assert list(logged('_log.info("x", extra={"event": "b", "node": n})')) == [("b", {"node"})]
