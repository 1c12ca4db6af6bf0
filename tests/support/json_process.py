"""A process that answers one line of JSON with another, in order."""

from __future__ import annotations

import json
import os
import select
import subprocess
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

ANSWER_SECONDS = 60.0
"""Longest wait for an answer; none takes a tenth of it unless something hangs."""


class ProcessEnded(Exception):
    """The process died or hung where it should have answered."""


class ProcessError(Exception):
    """What the process said went wrong."""


class JsonProcess:
    """One process, started when it is first needed and again after its end; a context manager."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._command = command
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def ask(self, **request: Any) -> Any:
        """Its answer. Raises ProcessError with what it says, ProcessEnded when it dies or hangs."""
        if self._process is None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._environment
            )
            assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        said = json.loads(self._line())
        if "error" in said:
            raise ProcessError(said["error"])
        return said["value"]

    def _line(self) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        parts: list[bytes] = []
        while not parts or not parts[-1].endswith(b"\n"):
            ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_SECONDS)
            part = os.read(self._process.stdout.fileno(), 1 << 20) if ready else b""
            if not part:
                how = self._end() if ready else f"it hung for {ANSWER_SECONDS:g} s, and {self._end()}"
                raise ProcessEnded(how)
            parts.append(part)
        return b"".join(parts)

    def _end(self) -> str:
        """End it; says how it ended."""
        if self._process is None:
            return "it does not run"
        try:
            self._process.wait(0.1)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.communicate()
        code, self._process = self._process.returncode, None
        return f"it ended with {code}"
