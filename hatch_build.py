"""Puts the pages into what is built: Node makes them of ``web_demo/``, and who installs a wheel needs none.

An editable install has no pages of its own: the Makefile builds them where they are.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = "web_demo"

PAGES = tuple(Path("protobase_live", "pages", name, "index.html") for name in ("demo", "inspector"))

OF_SDIST = "PKG-INFO"
"""A file that every source distribution has, and no clone."""

COMMANDS = (("npm", "ci", "--loglevel=error"), ("npm", "run", "build"))

NO_NODE = "Node builds the pages of ProtoBase Live: install Node 20 or newer, with npm (https://nodejs.org)"


class PagesHook(BuildHookInterface[Any]):
    """Builds the pages before a wheel or a source distribution is."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """``version`` is ``standard`` or ``editable``. Raises RuntimeError if the pages cannot be built."""
        root = Path(self.root)
        if version == "editable" or ((root / OF_SDIST).exists() and not _missing(root)):
            return
        build(root / SOURCES)
        if missing := _missing(root):
            raise RuntimeError(f"{' '.join(COMMANDS[-1])} in {SOURCES}/ has made no {missing[0]}")


def _missing(root: Path) -> list[Path]:
    """The pages that are not built."""
    return [page for page in PAGES if not (root / page).exists()]


def build(folder: Path) -> None:
    """Build the pages. Raises RuntimeError that says what to install, or which command failed."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise RuntimeError(NO_NODE)
    for command in COMMANDS:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed in {folder}:\n{done.stdout}{done.stderr}")
