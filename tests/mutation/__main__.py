"""Plants one bug after the other into a copy of the repository, and says which test notices it.

    python -m tests.mutation                     all of them
    python -m tests.mutation no-fsync one-timeline
    python -m tests.mutation --limit 300         on a slow machine

It fails if a bug survives that is not judged in its list, if the judgement of one is wrong, and if one is
noticed by nothing but a time limit: a test that hangs tells nobody what is wrong.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.bug import ROOT, Bug, bugs

LIMIT_SECONDS = 120.0
"""How long the tests near one bug may take; they take some seconds."""

CLEAN_TIMES = 10
"""How many times as long all of these tests together may take without a bug."""

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "node_modules", ".hypothesis", "*_cache", "__pycache__", "web_demo"
)

# What schemathesis imports at the end may fail behind a failed test, and hides what that said.
PYTEST = "-m pytest -x -v -rfE --tb=no --color=no -p no:cacheprovider -p no:schemathesis"

FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - (.*))?$", re.MULTILINE)
BEGUN = re.compile(r"^(tests/\S+::.+?)(?: (FAILED|PASSED).*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tests near a bug said."""

    word: str
    """``caught``, ``late`` (by a time-out), ``survived``."""
    told: str = ""
    """The test that noticed it, and how."""


class Copy:
    """A copy of the repository, in which one file at a time is another."""

    def __init__(self, root: Path) -> None:
        self._root = root
        shutil.copytree(ROOT, root, ignore=LEFT_OUT)
        for modules in ROOT.glob("tests/interop/**/node_modules"):
            if "node_modules" not in modules.parent.parts:
                (root / modules.relative_to(ROOT)).symlink_to(modules)
        paths = [str(root / folder) for folder in ("", "actors", "storage")]
        self._environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "1000"}

    def test(self, bug: Bug, seconds: float) -> Outcome:
        """What the tests near ``bug`` say of it. Raises Misplaced."""
        path = self._root / bug.file
        source = path.read_text(encoding="utf-8")
        try:
            self._write(path, bug.planted(source))
            return self.run(bug.tests, seconds)
        finally:
            self._write(path, source)

    def run(self, tests: Sequence[str], seconds: float) -> Outcome:
        """What these tests say of the copy as it is."""
        process = subprocess.Popen(
            [sys.executable, *PYTEST.split(), *tests],
            cwd=self._root,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            printed, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return _hung(process.communicate()[0], seconds)
        if process.returncode == 0:
            return Outcome("survived")
        found = FAILED.search(printed)
        if found is None:
            raise SystemExit(f"pytest ended with {process.returncode} and named no test:\n{printed[-3000:]}")
        test, reason = found[1], found[2] or "failed"
        return Outcome("late" if reason.startswith("TimeoutError") else "caught", f"{test}: {reason}")

    def _write(self, path: Path, source: str) -> None:
        """Another source, and no bytecode of the one before, which may be as long and as old."""
        Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
        path.write_text(source, encoding="utf-8")


def _hung(printed: str, seconds: float) -> Outcome:
    """What was said before time was over. Who fails may leave behind what never ends."""
    test, word = (BEGUN.findall(printed) or [("the tests", "")])[-1]
    if word == "FAILED":
        return Outcome("caught", f"{test}, which then did not end")
    return Outcome("late", f"{test} took longer than {seconds:g} s")


def verdict(bug: Bug, outcome: Outcome) -> tuple[str, bool]:
    """A line about a bug, and whether it is as it should be."""
    if outcome.word == "survived":
        return f"survived  {bug.name}: {bug.judged or 'NOT JUDGED; ' + bug.hurts}", bool(bug.judged)
    if bug.judged:
        return f"MISJUDGED {bug.name}: {outcome.told}", False
    if outcome.word == "late":
        return f"LATE      {bug.name}: {outcome.told}", False
    return f"caught    {bug.name}: {outcome.told}", True


def chosen_by(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> list[Bug]:
    """The bugs that were named, or all."""
    listed = bugs()
    if unknown := set(arguments.names) - {bug.name for bug in listed}:
        parser.error(f"no such bug: {', '.join(sorted(unknown))}")
    return [bug for bug in listed if not arguments.names or bug.name in arguments.names]


def plant_all(chosen: Sequence[Bug], limit: float) -> int:
    """Plant one after the other and print what comes of it; answers how many are not as they should be."""
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder) / "copy")
        clean = copy.run(sorted({path for bug in chosen for path in bug.tests}), CLEAN_TIMES * limit)
        if clean.word != "survived":
            raise SystemExit(f"tests fail without any bug: {clean.told}")
        for bug in chosen:
            began = time.monotonic()
            line, good = verdict(bug, copy.test(bug, limit))
            bad += not good
            print(f"{line}  [{time.monotonic() - began:.0f} s]", flush=True)
    return bad


def main() -> int:
    """Plant what was named; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("names", nargs="*", help="bugs to plant; all of them by default")
    parser.add_argument("--limit", type=float, default=LIMIT_SECONDS, help="seconds for one bug's tests")
    arguments = parser.parse_args()
    chosen = chosen_by(arguments, parser)
    bad = plant_all(chosen, arguments.limit)
    print(f"{len(chosen)} bugs planted, {bad} not as they should be")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
