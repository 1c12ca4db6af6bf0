"""The faults that docs/upstream.md tells of are there as it says, and Yjs does what it expects.

A Python program that prints something else now is a fault that is mended, or has become another: correct the
page, and look at what it says is done about it here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.printed import ROOT, Printed, printed, run
from tests.support.yjs_node import INTEROP

PAGE = (ROOT / "docs" / "upstream.md").read_text()
FILES = {"python": (sys.executable, "program.py"), "javascript": ("node", "program.mjs")}

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="limits of memory, and freed memory that is filled, are those of Linux"
)


@pytest.mark.parametrize("program", printed(PAGE), ids=lambda program: f"{program.language}-{program.name}")
async def test_it_prints_what_the_page_says(program: Printed, tmp_path: Path):
    command, file = FILES[program.language]
    (tmp_path / "node_modules").symlink_to(INTEROP / "node_modules")
    (tmp_path / file).write_text(program.text)
    assert await run(command, file, folder=tmp_path) == program.prints


def test_every_program_says_what_it_prints():
    assert len(printed(PAGE)) == PAGE.count("```python\n") + PAGE.count("```js\n")
