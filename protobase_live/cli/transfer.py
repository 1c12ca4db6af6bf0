"""``protobase-live export`` and ``import``: collections as NDJSON (`protobase_live.cli.portable`)."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, NoReturn, cast

from protobase_live.cli.incoming import Incoming
from protobase_live.cli.loop import interrupt_at_once, run
from protobase_live.cli.places import Failures, Place, names_in, open_place, whole_update
from protobase_live.cli.portable import Line, lines_of, update_line
from protobase_live.cli.streams import print_utf8
from protobase_live.errors import ProtoBaseError, ValidationError
from protobase_live.protocol.yjs.structs import Structs

MAX_LINE_BYTES = 128 * 1024 * 1024
"""Longest line of an import; a longer one is a ValidationError."""

MAX_UPDATE_BYTES = 32 * 1024 * 1024
"""Longest update that an export prints in one line; a line has room for one struct more, which is not cut."""


def export_to_stdout(source: str, collections: Sequence[str], token: str | None, raw: bool) -> NoReturn:
    """Print the collections, all when none are named, then end the process.

    ``raw`` prints what is stored as it is, also of a collection that cannot be read.
    """
    run(_export(source, collections, token, raw))


def import_lines(target: str, file: Path | None, token: str | None, merge: bool) -> NoReturn:
    """Store what is in ``file`` or standard input, then end the process.

    With ``merge`` a collection may hold something else.
    """
    interrupt_at_once()
    run(_import(target, file, token, merge))


async def _export(source: str, collections: Sequence[str], token: str | None, raw: bool) -> None:
    print_utf8()
    place = await open_place(source, token, read_only=True)
    failures = Failures()
    try:
        for name in await names_in(place, collections):
            with failures.alone():
                _print(name, (await place.load(name)).updates, raw)
    finally:
        await place.close()
    failures.check("exported")


def _print(name: str, updates: Sequence[bytes], raw: bool) -> None:
    readable: list[Line] = []
    if updates and not raw:
        try:
            updates, readable = _portions(whole_update(updates)), list(lines_of(name, updates))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # pycrdt cannot read it, or panics: what is stored says it all
            reason = str(error).partition("\n")[0]
            print(f"note: {name!r} is exported as its updates only: {reason}", file=sys.stderr)
    for line in (*(update_line(name, each) for each in updates), *readable):
        print(json.dumps(line, ensure_ascii=False))


def _portions(update: bytes) -> Sequence[bytes]:
    """The update as one or more that an import takes."""
    if len(update) <= MAX_UPDATE_BYTES:
        return [update]
    structs = Structs()
    rest = structs.take(update, lenient=True)
    return [*structs.parts(MAX_UPDATE_BYTES), *([rest.update] if rest else [])]


async def _import(target: str, file: Path | None, token: str | None, merge: bool) -> None:
    with file.open("rb") if file else nullcontext(_standard_input()) as lines:
        place = await open_place(target, token)
        done: list[str] = []
        failed: list[str] = []
        try:
            async for name, error in _brought(place, lines, merge):
                done += [name] if error is None else []
                failed += [str(error)] if error is not None else []
        finally:
            await place.close()
    if failed:
        stored = f"stored: {', '.join(done)}" if done else "nothing was stored"
        raise ValidationError(f"{'; '.join(dict.fromkeys(failed))} ({stored})")


def _standard_input() -> IO[bytes]:
    if cast(object, sys.stdin) is None:
        raise ValidationError("standard input is closed; name a file")
    return sys.stdin.buffer


async def _brought(
    place: Place, lines: IO[bytes], merge: bool
) -> AsyncIterator[tuple[str, ProtoBaseError | None]]:
    """Store collection by collection: each name when it is durable, or with what is wrong with it."""
    incoming: Incoming | None = None
    wrong: ProtoBaseError | None = None  # since the last good line
    for number, line in _parsed(lines):
        if isinstance(line, ProtoBaseError):
            wrong = wrong or line
            continue
        if incoming is None or line["collection"] != incoming.name:
            if incoming is not None:
                incoming.spoil(wrong if incoming.may_go_on else None)
                yield incoming.name, await _stored(place, incoming, merge)
            incoming = Incoming(line["collection"])
        incoming.spoil(wrong)  # what was wrong may have been its first line
        incoming.add(number, line)
        wrong = None
    if incoming is not None:
        incoming.spoil(wrong)
        yield incoming.name, await _stored(place, incoming, merge)
    elif wrong is not None:
        yield "", wrong


async def _stored(place: Place, incoming: Incoming, merge: bool) -> ProtoBaseError | None:
    try:
        incoming.check_name()
        present = await place.load(incoming.name)
        if updates := incoming.missing_from(present.updates, merge=merge):
            await place.bring(incoming.name, updates, incoming.structures)
    except ProtoBaseError as error:
        return error
    return None


def _parsed(lines: IO[bytes]) -> Iterator[tuple[int, Line | ValidationError]]:
    """The lines with their numbers; the error that says so for what is no line of an export."""
    for number, text in enumerate(iter(lambda: lines.readline(MAX_LINE_BYTES), b""), 1):
        try:
            yield number, _line(text)
        except ValidationError as error:
            _skip_rest(lines, text)
            yield number, ValidationError(f"line {number}: {error}")


def _line(text: bytes) -> Line:
    if len(text) == MAX_LINE_BYTES and not text.endswith(b"\n"):
        raise ValidationError(f"longer than {MAX_LINE_BYTES} bytes")
    try:
        line: Any = json.loads(text.decode())
    except UnicodeDecodeError:
        raise ValidationError("not UTF-8") from None
    except (ValueError, RecursionError):
        line = None
    name: Any = cast(Line, line).get("collection") if isinstance(line, dict) else None
    if not isinstance(name, str) or not name:
        raise ValidationError("not an object with a 'collection'")
    return cast(Line, line)


def _skip_rest(lines: IO[bytes], text: bytes) -> None:
    """Read on to the end of a line of which ``text`` was read."""
    while text and not text.endswith(b"\n"):
        text = lines.readline(MAX_LINE_BYTES)
