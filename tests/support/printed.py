"""Programs in the prose, and what the prose says they print.

A fenced block under ``<!-- LANGUAGE: NAME -->`` prints what stands in the one under
``<!-- LANGUAGE prints: NAME -->``.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60.0  # for one program


class Printed(NamedTuple):
    """A program, and what it prints."""

    language: str
    name: str
    text: str
    prints: str


def block(page: str, mark: str) -> str:
    """The fenced block under a mark. Raises ValueError where there is none."""
    found = re.search(rf"^<!-- {mark} -->\n\n```\w*\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"no fenced block follows {mark!r}")
    return found[1]


def printed(page: str) -> list[Printed]:
    """The programs of a page that say what they print."""
    marks = re.findall(r"^<!-- (\w+) prints: ([\w-]+) -->$", page, re.MULTILINE)
    return [
        Printed(language, name, block(page, f"{language}: {name}"), block(page, f"{language} prints: {name}"))
        for language, name in marks
    ]


async def run(*command: object, folder: Path) -> str:
    """What a program prints; asserts that it succeeds in time."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*map(str, command), cwd=folder, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()
