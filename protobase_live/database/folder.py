"""Opening a database that is stored in a folder of this machine, ``file:PATH``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from protobase_live.collection.limits import StorageLimits
from protobase_live.errors import StorageFailed, ValidationError
from protobase_storage import FileStorage
from protobase_storage.file import DATABASE_NAME


async def open_folder(
    url: str, path: str, *, must_exist: bool, read_only: bool, limits: StorageLimits
) -> FileStorage:
    """The storage in the folder that ``url`` names with ``path``.

    One that is ``read_only`` has to be there, too, and need not be writable. Raises ValidationError,
    StorageFailed where there has to be a database and is none, and StorageError.
    """
    path = _folder(url, path)
    if must_exist or read_only:
        _require_database(path)
    return await FileStorage.open(
        path,
        backlog_limit=limits.unstored_bytes,
        reads_limit=limits.waiting_reads,
        max_bytes=limits.file_bytes,
        reserve_bytes=limits.reserve_bytes,
        read_only=read_only,
    )


def _folder(url: str, path: str) -> str:
    """The folder that an address names. Raises ValidationError where it means something else elsewhere."""
    if path.startswith("//"):
        if not path.startswith("///"):
            raise ValidationError(
                f"{url!r} names a host; write file:{path[2:]}, or file:///... from the root"
            )
        path = path[2:]
    try:
        path = str(Path(path).expanduser())
    except RuntimeError:
        raise ValidationError(f"{url!r}: there is no home of that user") from None
    if not _has_database(path):
        _check_plain(url, path)
    return path


def _has_database(path: str) -> bool:
    """As far as that can be seen; who opens it is told why not."""
    with suppress(OSError):
        return (Path(path) / DATABASE_NAME).exists()
    return False


def _require_database(path: str) -> None:
    """Raises StorageFailed where none is, also where its file is empty: it is none without a log."""
    file = Path(path) / DATABASE_NAME
    try:
        is_empty = not file.stat().st_size and not file.with_name(f"{DATABASE_NAME}-wal").exists()
    except (FileNotFoundError, NotADirectoryError):
        raise StorageFailed(f"there is no database in {path!r}") from None
    except OSError as error:
        raise StorageFailed(f"cannot look for a database in {path!r}: {error.strerror}") from error
    if is_empty:
        raise StorageFailed(f"there is no database in {path!r} ({DATABASE_NAME} is empty)")


def _check_plain(url: str, path: str) -> None:
    if "?" in path:
        raise ValidationError(f"{url!r} takes no options; a folder with '?' in its name is not made")
    if (plain := unquote(path)) != path:
        raise ValidationError(f"{url!r}: a path is written as it is; write 'file:{plain}'")
