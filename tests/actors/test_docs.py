"""What the guide and the example print is what they say."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

import protobase_actors

ROOT = Path(__file__).parents[2]


def test_the_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]):
    doc = runpy.run_path(str(ROOT / "examples/actors.py"), run_name="__main__")["__doc__"]
    promised = [line.strip() for line in doc.split("It prints")[1].splitlines() if line.strip()]
    assert capsys.readouterr().out.splitlines() == promised


def test_the_first_program_of_the_guide_runs(capsys: pytest.CaptureFixture[str]):
    guide = (ROOT / "docs/actors.md").read_text()
    program = re.search(r"```python\n(.*?)```", guide, re.DOTALL)
    assert program is not None
    exec(compile(program[1], "docs/actors.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == "15\nrefused: only 15 left\n"


def test_the_guide_names_every_error_and_limit():
    guide = (ROOT / "docs/actors.md").read_text()
    errors = [
        name for name in protobase_actors.__all__ if name.endswith(("Error", "Full", "Failed", "Timeout"))
    ]
    for name in [*errors, "MAX_NAME_LENGTH"]:
        assert f"`{name}`" in guide


def test_everything_exported_exists_and_is_documented():
    for name in protobase_actors.__all__:
        assert name.startswith(("DEFAULT_", "MAX_")) or getattr(protobase_actors, name).__doc__
