"""What does not go together with ``--workers``, and how it is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from protobase_live.cli.serve import options
from protobase_live.cli.settings import settings
from protobase_live.errors import ValidationError
from tests.protobase_live.cli.command import run


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--peer", "ws://127.0.0.1:1/peer"), "--workers does not go together with --peer"),
        (("--owner", "orders*"), "--workers does not go together with --owner"),
        (("--node-id", "n1"), "--workers does not go together with --node-id"),
        (("--cluster-secret-file", "secret"), "--workers does not go together with --cluster-secret-file"),
        (("--durability", "majority"), "--workers does not go together with --durability"),
        (("--storage", "memory:"), "'memory:' has one process only"),
        (("--storage", "s3://bucket/prefix"), "'s3://bucket/prefix' has one process only"),
        (("--workers", "65"), "--workers 65: 64 at most"),
        (("--workers", "two"), "--workers: 'two' is not a whole number"),
        (("--workers", "-1"), "--workers: '-1' is no limit; expected 0 or more"),
    ],
)
async def test_what_workers_cannot_do_is_refused(tmp_path: Path, given: tuple[str, str], said: str) -> None:
    plain = {"--storage": f"file:{tmp_path / 'data'}", "--listen": "127.0.0.1:0", "--workers": "2"}
    ended = await run("serve", *(each for pair in (plain | dict([given])).items() for each in pair))
    assert (ended.code, ended.out) == (1, "")
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "data").exists()


def test_workers_are_a_setting(tmp_path: Path) -> None:
    given = options(["--workers", "2", "--limit", "turn_seconds=3"])
    assert given is not None
    how = settings(given, {})
    assert (how.workers, how.worker_limits.turn_seconds) == (2, 3.0)
    assert settings({}, {"PROTOBASE_WORKERS": "3"}).workers == 3
    assert settings({}, {}).workers == 0
    file = tmp_path / "settings.toml"
    file.write_text("workers = 4\n[worker_limits]\nreports = 5\n")
    how = settings({"config": str(file)}, {})
    assert (how.workers, how.worker_limits.reports) == (4, 5)
    with pytest.raises(ValidationError, match="PROTOBASE_WORKERS"):
        settings({}, {"PROTOBASE_WORKERS": "many"})
