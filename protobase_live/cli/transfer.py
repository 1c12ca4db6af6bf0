"""``protobase-live export`` and ``import``: collections as NDJSON (`protobase_live.cli.portable`)."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, NoReturn, cast

from protobase_live.cli.loop import run
from protobase_live.cli.places import Place, open_place
from protobase_live.cli.portable import Draft, Line, lines_of
from protobase_live.errors import ProtoBaseError, ValidationError
from protobase_live.names import check_collection

WRITER = "import"
"""The writer of the sets and counters that an import makes."""

MAX_LINE_CHARS = 64 * 1024 * 1024
"""Longest line of an import; a longer one is a ValidationError."""


def export_to_stdout(source: str, collections: Sequence[str], token: str | None) -> NoReturn:
    """Print the collections, all when none are named, then end the process."""
    run(_export(source, collections, token))


def import_lines(target: str, file: Path | None, token: str | None) -> NoReturn:
    """Store what is in ``file`` or standard input, then end the process."""
    run(_import(target, file, token))


async def _export(source: str, collections: Sequence[str], token: str | None) -> None:
    place = await open_place(source, token, must_exist=True)
    try:
        for name in collections or await place.names():
            for line in lines_of(check_collection(name), await place.fetch(name)):
                print(json.dumps(line, ensure_ascii=False))
    finally:
        await place.close()


async def _import(target: str, file: Path | None, token: str | None) -> None:
    with file.open(encoding="utf-8") if file else nullcontext(sys.stdin) as lines:
        place = await open_place(target, token, must_exist=False)
        done: list[str] = []
        try:
            async for name in _brought(place, lines):
                done.append(name)
        except ValidationError as error:
            so_far = f" (stored before it: {', '.join(done)})" if done else " (nothing was stored)"
            raise ValidationError(f"{error}{so_far}") from error
        finally:
            await place.close()


async def _brought(place: Place, lines: IO[str]) -> AsyncIterator[str]:
    """Store collection by collection; each name when it is durable."""
    name, draft = "", Draft(WRITER)
    for number, line in _parsed(lines):
        if line["collection"] != name:
            if name:
                await place.bring(name, draft)
                yield name
            name, draft = line["collection"], Draft(WRITER)
        try:
            draft.add(line)
        except ProtoBaseError as error:
            raise ValidationError(f"line {number}: {error}") from error
    if name:
        await place.bring(name, draft)
        yield name


def _parsed(lines: IO[str]) -> Iterator[tuple[int, Line]]:
    """The lines with their numbers. Raises ValidationError for what is no line of an export."""
    for number, text in enumerate(iter(lambda: lines.readline(MAX_LINE_CHARS), ""), 1):
        try:
            line: Any = json.loads(text)
            check_collection(line["collection"])
        except (ValueError, TypeError, KeyError, ValidationError) as error:
            reason = error if isinstance(error, ValidationError) else "not an object with a 'collection'"
            raise ValidationError(f"line {number}: {reason}") from error
        yield number, cast(Line, line)
