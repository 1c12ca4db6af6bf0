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
                who = {"author": message.author, "address": message.address}
                sent.append({**who, "digest": digest, "file": kept and kept.name})
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
        files = {path: [path, *self._folder.glob(f"{path.stem}.*.update")] for path in self._paths()}
        sizes = [sum(each.stat().st_size for each in found) for found in files.values()]
        for number, found in enumerate(files.values()):
            if len(files) - number <= self._most and sum(sizes[number:]) <= self._most_bytes:
                return
            if number < len(files) - 1:  # what it has just died of is kept in any case
                for each in found:
                    each.unlink(missing_ok=True)
