"""Where each worker keeps its own: the first one where a server without workers does, the others below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from protobase_live.errors import ValidationError

FOLDER = "workers"
SETTLED = ".settled"
QUARANTINE = "quarantine"


class Stores:
    """Those of a server on ``file:PATH``."""

    def __init__(self, storage: str) -> None:
        """Raises ValidationError for a storage that workers cannot share."""
        scheme, _, path = storage.partition(":")
        if scheme != "file" or not path:
            raise ValidationError(
                f"--workers keeps a store for each worker, below file:PATH; {storage!r} has one process only"
            )
        self._storage = storage
        self._root = Path(path.removeprefix("//") if path.startswith("///") else path).expanduser()

    @property
    def quarantine(self) -> Path:
        """Where what workers died of is kept."""
        return self._root / QUARANTINE

    def of(self, number: int) -> str:
        """The storage of a worker, as `pb.open` takes it."""
        return self._storage if number == 0 else f"file:{self._folder(number)}"

    def _folder(self, number: int) -> Path:
        return self._root / FOLDER / str(number)

    def _settled(self, number: int) -> Path:
        """Is there while the first one has all that this store has."""
        return self._root / FOLDER / f"{number}{SETTLED}"

    @property
    def numbers(self) -> Sequence[int]:
        """Of the workers that have a store below."""
        found = self._root.glob(f"{FOLDER}/[0-9]*") if self._root.is_dir() else ()
        return sorted(int(each.name) for each in found if each.name.isdecimal())

    @property
    def others(self) -> Sequence[str]:
        """The storages of all workers but the first one."""
        return [self.of(number) for number in self.numbers]

    def check(self, workers: int) -> None:
        """So many workers are about to start; 0 is a server without any.

        Raises ValidationError while others may have stored what the first one lacks.
        """
        left_out = [each for each in self.numbers if each >= workers and not self._settled(each).exists()]
        if left_out:
            raise ValidationError(
                f"{self._folder(left_out[-1])} may hold commits that the first worker lacks: start once with "
                f"--workers {left_out[-1] + 1}, and stop it when they are linked"
            )

    def use(self, workers: int) -> None:
        """So many have begun, and are about to take clients."""
        for number in range(1, workers):
            self._settled(number).unlink(missing_ok=True)

    def settle(self, number: int) -> None:
        """The first one has everything that this worker has stored."""
        self._settled(number).touch()


def stores_beside(storage: str) -> Sequence[str]:
    """The storages of workers that belong to this one."""
    return Stores(storage).others if _names_folder(storage) else ()


def _names_folder(storage: str) -> bool:
    """What names none is told so by who opens it."""
    return storage.startswith("file:") and storage != "file:"


def require_no_workers(storage: str) -> None:
    """The storage is about to be used without workers. Raises ValidationError as `Stores.check` does."""
    if _names_folder(storage):
        Stores(storage).check(0)
