"""Programs printed in the prose run as printed.

A fenced Python block under `<!-- program: NAME -->` is run in an empty folder and has to exit with 0; what
stands in a block under `<!-- prints: NAME -->` is what it prints. `<!-- program: NAME, server -->` starts
`protobase-live serve` first. Where 127.0.0.1:8765 is printed, server and program have a free port.
"""

import asyncio
import os
import re
import signal
import sys
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PRINTED, FREE = "127.0.0.1:8765", "127.0.0.1:0"
SERVE = ("serve", "--storage", "memory:", "--listen", FREE)
SERVE_AS_PRINTED = re.compile(r"^protobase-live (serve .*)$", re.MULTILINE)
LISTENING = b"listening on http://"
TIMEOUT = 60.0  # seconds, for a program and for the server's start and stop

MARK = re.compile(r"^<!-- (?:program|prints): ", re.MULTILINE)
BLOCK = re.compile(
    r"^<!-- (?P<kind>program|prints): (?P<name>[\w-]+)(?P<server>, server)? -->\n\n?"
    r"```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Program(NamedTuple):
    name: str
    text: str
    server: bool
    prints: str | None


def programs(page: str) -> list[Program]:
    """The programs of a page; raises ValueError for a mark that leads to none."""
    blocks = list(BLOCK.finditer(page))
    if len(blocks) != len(MARK.findall(page)):
        raise ValueError("a program or prints comment is not followed by a fenced block")
    prints = {block["name"]: block["text"] for block in blocks if block["kind"] == "prints"}
    sources = {block["name"]: block for block in blocks if block["kind"] == "program"}
    if unknown := prints.keys() - sources.keys():
        raise ValueError(f"nothing prints {sorted(unknown)}")
    if others := [name for name, block in sources.items() if block["language"] != "python"]:
        raise ValueError(f"not Python: {others}")
    return [
        Program(name, block["text"], bool(block["server"]), prints.get(name))
        for name, block in sources.items()
    ]


def printed_programs():
    for page in PAGES:
        for program in programs(page.read_text()):
            yield pytest.param(program, id=f"{page.relative_to(ROOT)}:{program.name}")


def environment() -> dict[str, str]:
    """The caller's, without an import path: a program sees what is installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


async def until_ready(server: asyncio.subprocess.Process) -> str:
    """Where it listens, HOST:PORT."""
    assert server.stdout is not None
    while line := await server.stdout.readline():
        if line.startswith(LISTENING):
            return line.removeprefix(LISTENING).decode().strip()
    raise AssertionError("the server ended before it was listening")


@asynccontextmanager
async def running_server(folder: Path, serve: tuple[str, ...] = SERVE):
    """A server in `folder`, and where it listens; stopped with SIGTERM. Asserts that it stops cleanly."""
    command = Path(sys.executable).with_name("protobase-live")
    server = await asyncio.create_subprocess_exec(
        command, *serve, cwd=folder, env=environment(), stdout=asyncio.subprocess.PIPE
    )
    try:
        yield await asyncio.wait_for(until_ready(server), TIMEOUT)
        server.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(server.wait(), TIMEOUT) == 0
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()


async def run(source: Path, folder: Path) -> str:
    """Runs a program in `folder` and returns what it printed; asserts that it succeeds in time."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, source, cwd=folder, env=environment(), stdout=pipe, stderr=pipe
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), TIMEOUT)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    return out.decode()


@pytest.mark.parametrize("program", list(printed_programs()))
async def test_program_runs_as_printed(program: Program, tmp_path: Path):
    source, empty = tmp_path / "program.py", tmp_path / "empty"
    empty.mkdir()
    async with running_server(tmp_path) if program.server else nullcontext(PRINTED) as here:
        source.write_text(program.text.replace(PRINTED, here))
        printed = await run(source, empty)
    if program.prints is not None:
        assert printed == program.prints


async def test_the_programs_of_the_front_page_run_beside_each_other_and_again(tmp_path: Path):
    page = programs((ROOT / "README.md").read_text())
    command = SERVE_AS_PRINTED.findall((ROOT / "README.md").read_text())[0]
    assert PRINTED in command
    async with running_server(tmp_path, tuple(command.replace(PRINTED, FREE).split())) as here:
        for program in page * 2:
            source = tmp_path / f"{program.name}.py"
            source.write_text(program.text.replace(PRINTED, here))
            assert await run(source, tmp_path) == program.prints, program.name


PAGE = """
<!-- program: hello, server -->
```python
print("hello")
```

<!-- prints: hello -->

```
hello
```

```python
unmarked
```
"""


def test_programs_of_a_page():
    assert programs(PAGE) == [Program("hello", 'print("hello")\n', True, "hello\n")]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (PAGE.replace("program: hello, server", "program: other"), "nothing prints"),
        (PAGE.replace("```python\nprint", "```sh\nprint"), "not Python"),
        (PAGE.replace("```\nhello", "\nText.\n```\nhello"), "not followed"),
    ],
)
def test_bad_marks_are_refused(page: str, message: str):
    with pytest.raises(ValueError, match=message):
        programs(page)


async def test_run_reports_a_failing_program(tmp_path: Path):
    source = tmp_path / "program.py"
    source.write_text("raise SystemExit('wrong')")
    with pytest.raises(AssertionError, match="wrong"):
        await run(source, tmp_path)
