"""A process that has imported a backend, and forks for each job: importing takes longer than most jobs do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


class Forks:
    """Runs the jobs of `child`, one at a time, each in a process of its own."""

    def __init__(self, opener: str, environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "protobase_storage.conformance.child", "--forks", opener]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(environment)
        )

    def run(self, job: Mapping[str, Any]) -> tuple[list[str], int]:
        """The lines that a job wrote, and how its process ended: 0, or minus the signal."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{json.dumps(job)}\n")
        stdin.flush()
        lines: list[str] = []
        while not (line := stdout.readline()).startswith("ended "):
            assert line, "the process that forks has died"
            lines.append(line.rstrip("\n"))
        return lines, int(line.split()[1])

    def close(self) -> None:
        """End it."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
