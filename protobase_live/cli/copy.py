"""``protobase-live copy``: a database, or the rooms of another program, into a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, NoReturn

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from protobase_live.cli.loop import run
from protobase_live.cli.places import Failures, Place, open_place
from protobase_live.cli.sources import Source, open_source
from protobase_live.errors import StorageFailed, ValidationError


def copy(source: str, target: str, token: str | None) -> NoReturn:
    """Copy all collections that the target lacks, or a part of them, then end the process."""
    run(_copy(source, target, token))


class Carried(NamedTuple):
    """How many collections there are, were copied and read again, and had been there."""

    all: int
    verified: int
    there: int


async def _copy(source_url: str, target_url: str, token: str | None) -> None:
    if source_url == target_url:
        raise ValidationError("FROM and TO are the same: a database cannot be copied into itself")
    source = await open_source(source_url, token)
    try:
        target = await open_place(target_url, token)
        try:
            with _progress() as progress:
                carried, failures = await carry(source, target, progress)
        finally:
            await target.close()
    finally:
        await source.close()
    print(f"{carried.all} collections: {carried.verified} copied and verified, {carried.there} there already")
    failures.check("copied", carried.all)


async def carry(source: Source, target: Place, progress: Progress) -> tuple[Carried, Failures]:
    """Copy what the target lacks, then read again what was stored. What fails, fails alone."""
    failures, names = Failures(), await source.names()
    copied, there = list[str](), 0
    for name in _told(progress, "copying", names):
        with failures.alone():
            if await source.bring(name, target):
                copied.append(name)
            else:
                there += 1
    verified = 0
    for name in _told(progress, "verifying", copied):
        with failures.alone():
            await source.verify(name, target)
            verified += 1
    for damage in source.damage():
        with failures.alone():
            raise StorageFailed(damage)
    return Carried(len(names), verified, there), failures


def _progress() -> Progress:
    """Bars on standard error, where that is a terminal."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _told(progress: Progress, what: str, names: Sequence[str]) -> Iterator[str]:
    """The names, while a new bar tells how many have been done."""
    task = progress.add_task(what, total=len(names))
    for name in names:
        yield name
        progress.advance(task)
