"""Programs that Debian has and that tests start."""

from __future__ import annotations

import os
import shutil

import pytest


def find_program(name: str, what: str, package: str) -> str:
    """Where a program is, by its name in capitals in the environment or else by PATH.

    Without it the test is skipped, and fails in CI, which installs it.
    """
    variable = name.upper()
    # Users have no servers on their PATH.
    found = os.environ.get(variable) or shutil.which(name) or shutil.which(f"/usr/sbin/{name}")
    if found is None:
        reason = f"there is no {what}: install Debian's {package}, or say in {variable} where another one is"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
