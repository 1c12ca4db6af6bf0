"""A disk that takes what is written and fails to flush it: what was refused is not there after a restart."""

from pathlib import Path

import pytest

from protobase_storage import FileStorage
from protobase_storage.conformance.model import make_commit, read_state
from tests.support.failing_flushes import DEEDS, refused


@pytest.mark.parametrize("end", ["kill", "close"])
@pytest.mark.parametrize("deed", DEEDS)
async def test_what_was_refused_is_not_done_by_a_restart(tmp_path: Path, deed: str, end: str) -> None:
    assert refused(tmp_path, deed, end) == "database file: disk I/O error\n"
    storage = await FileStorage.open(tmp_path)
    state = await read_state(storage)
    assert {name: loaded.commits for name, loaded in state.items()} == {"a": (make_commit("a", 1),)}
    assert state["a"].snapshot is None
    assert state["a"].remains == b""
    await storage.append([make_commit("a", 2)])
    await storage.close()
