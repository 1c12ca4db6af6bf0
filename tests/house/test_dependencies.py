"""Nobody has to install what is not used."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("protobase_live", "actors", "storage")


def imported() -> set[str]:
    """The first names of all modules that the packages import."""
    files = (file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    found = (re.findall(r"^\s*(?:from|import) (\w+)", file.read_text(), re.MULTILINE) for file in files)
    return {name for names in found for name in names}


@pytest.mark.parametrize("dependency", PROJECT["dependencies"])
def test_what_is_depended_on_is_used(dependency: str):
    assert re.split(r"[^\w-]", dependency)[0].replace("-", "_") in imported()
