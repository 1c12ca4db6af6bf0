"""Sessions with a shell that are printed in the prose go as printed.

A fenced console block under `<!-- transcript: NAME -->` is run against a fresh server that takes the place of
127.0.0.1:8765. Lines that begin with `$ ` are commands, the others what they print, where `...` is anything.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.support.server_process import ServerProcess

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MARK = "<!-- transcript: "
BLOCK = re.compile(r"^<!-- transcript: (?P<name>[\w-]+) -->\n\n?```console\n(?P<text>.*?)^```$", re.M | re.S)
SECONDS = 30.0


def transcripts():
    for page in PAGES:
        blocks = list(BLOCK.finditer(page.read_text()))
        assert len(blocks) == page.read_text().count(MARK), f"{page}: a mark without a console block"
        for block in blocks:
            yield pytest.param(block["text"], id=f"{page.relative_to(ROOT)}:{block['name']}")


def commands(text: str) -> list[tuple[str, str]]:
    """Each command, and what it prints."""
    return [tuple(each.split("\n", 1)) for each in re.split(r"^\$ ", text, flags=re.M)[1:]]


async def run(command: str) -> str:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("bash", "-c", command, stdout=pipe)
    async with asyncio.timeout(SECONDS):
        out, _ = await process.communicate()
    return out.decode()


@pytest.mark.parametrize("text", list(transcripts()))
async def test_a_session_goes_as_printed(text: str, tmp_path: Path) -> None:
    assert shutil.which("curl"), "curl is needed"
    async with ServerProcess(tmp_path, storage="memory:") as server:
        for command, printed in commands(text):
            got = (await run(command.replace("127.0.0.1:8765", f"127.0.0.1:{server.port}"))).strip()
            expected = ".*".join(map(re.escape, printed.strip().split("...")))
            assert re.fullmatch(expected, got, re.S), f"{command} printed {got}"
