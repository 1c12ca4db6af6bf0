"""Pages that npm builds."""

from __future__ import annotations

import subprocess
from pathlib import Path


def build(folder: Path) -> None:
    """Run ``npm run build`` there; what it needs was installed by ``make test``."""
    assert (folder / "node_modules").is_dir(), f"run 'npm ci --prefix {folder}' (make test does)"
    subprocess.run(["npm", "run", "--silent", "build"], cwd=folder, check=True, timeout=120)
