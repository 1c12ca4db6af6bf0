"""Type checkers accept what users write: a typed program, and the programs printed in the prose."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.test_readme import PAGES, ROOT, programs

APP = Path(__file__).with_name("typed_app.py")
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A project with every program, each in a file."""
    found = tmp_path_factory.mktemp("typed")
    (found / "app.py").write_text(APP.read_text())
    for page in PAGES:
        for program in programs(page.read_text()):
            (found / f"{page.stem}_{program.name.replace('-', '_')}.py").write_text(program.text)
    roots = [str(ROOT / part) for part in (".", "actors", "storage")]
    settings = {"typeCheckingMode": "standard", "pythonVersion": "3.11", "extraPaths": roots}
    (found / "pyrightconfig.json").write_text(json.dumps(settings))
    return found


@pytest.mark.parametrize(
    "checker",
    [
        ("pyright", "--pythonpath", sys.executable),
        ("mypy", "--python-executable", sys.executable, "--check-untyped-defs", "--cache-dir", "cache"),
    ],
    ids=["pyright", "mypy"],
)
def test_programs_are_typed(folder, checker):
    name, *options = checker
    files = sorted(map(str, folder.glob("*.py")))
    checked = subprocess.run([BIN / name, *options, *files], cwd=folder, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout.replace(str(folder), "")
