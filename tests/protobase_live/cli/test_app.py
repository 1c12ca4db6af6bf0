"""What the command says of itself."""

from importlib.metadata import version

import pytest

import protobase_live as pb
from tests.protobase_live.cli.command import run

VERSION = version("protobase-live")


def test_the_package_knows_its_version():
    assert pb.__version__ == VERSION


async def test_the_command_knows_its_version():
    assert await run("--version") == (0, f"protobase-live {VERSION}\n", "")


@pytest.mark.parametrize("arguments", [["-h"], ["serve", "-h"]])
async def test_the_short_word_for_help(arguments):
    ended = await run(*arguments)
    assert (ended.code, "Usage: protobase-live" in ended.out) == (0, True)


async def test_a_disk_that_is_full_is_one_line(tmp_path):
    full = ("sh", "-c", f'ulimit -f 0; exec "$@" > {tmp_path / "out"}', "sh")
    ended = await run("--version", before=full)
    assert (ended.code, ended.err) == (1, "error: [Errno 27] File too large\n")
