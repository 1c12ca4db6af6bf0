"""What a connection to the database is set to."""

from contextlib import closing

import pytest

from protobase_storage.sqlite_schema import connect


@pytest.mark.parametrize(
    ("pragma", "value", "why"),
    [
        (
            "synchronous",
            2,
            "a commit is on the disk when it returns: kill -9 alone would not show the difference",
        ),
        ("journal_mode", "wal", "readers go on while a commit is written"),
        ("secure_delete", 2, "deleted bytes are overwritten where that costs no page more"),
    ],
)
def test_connections_keep_what_they_promise(tmp_path, pragma: str, value: object, why: str) -> None:
    with closing(connect(tmp_path / "database")) as connection:
        assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,), why
