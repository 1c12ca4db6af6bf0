"""What workers died of, kept on the disk for whoever looks into it, and for the next start."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from protobase_live.workers.flight_record import Doing


class Reports:
    """A folder: of each death a file ``NAME.json`` and, beside it, one for each update."""

    def __init__(self, folder: Path, most: int, most_bytes: int) -> None:
        """So many reports, and so many bytes of files; the oldest are deleted."""
        self._folder = folder
        self._most = most
        self._most_bytes = most_bytes

    def write(self, name: str, doing: Doing, told: Mapping[str, Any]) -> Path:
        """Keep what a worker died of; ``name`` sorts behind those before. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        sent: list[dict[str, Any]] = []
        for message in doing.sent:
            for number, digest in enumerate(message.digests):
                kept = None
                if message.updates is not None:
                    kept = self._folder / f"{name}.{digest}.update"
                    kept.write_bytes(message.updates[number])
                sent.append({"author": message.author, "digest": digest, "file": kept and kept.name})
        report = {**told, "what": doing.what, "collection": doing.collection, "sent": sent}
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps(report, indent=1) + "\n")
        self._prune()
        return path

    def refused(self) -> Iterator[str]:
        """The digests of what earlier workers died of, oldest first."""
        for path in self._paths():
            try:
                report = json.loads(path.read_text())
                if report["verdict"] == "refused":
                    yield from (each["digest"] for each in report["sent"])
            except (OSError, ValueError, KeyError, TypeError):
                continue  # somebody has edited it

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []

    def _prune(self) -> None:
        paths = self._paths()
        files = {path: [path, *self._folder.glob(f"{path.stem}.*.update")] for path in paths}
        sizes = {path: sum(each.stat().st_size for each in found) for path, found in files.items()}
        while len(paths) > 1 and (len(paths) > self._most or sum(map(sizes.get, paths)) > self._most_bytes):  # pyright: ignore
            for each in files[paths.pop(0)]:
                each.unlink(missing_ok=True)
