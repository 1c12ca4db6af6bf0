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
        (("--workers", "0"), "--workers: '0' is no number of workers; expected 1 or more"),
        (("--workers", "two"), "--workers: 'two' is no number of workers; expected 1 or more"),
        (("--workers", "-1"), "--workers: '-1' is no number of workers; expected 1 or more"),
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


@pytest.mark.parametrize("given", ["0", "many", "2KiB", "1.5", "0x2"])
def test_no_number_of_workers_is_refused_wherever_it_is_said(tmp_path: Path, given: str) -> None:
    """It is left out where no workers are wanted: 0 may be a mistake in a unit file."""
    file = tmp_path / "settings.toml"
    for said in (repr(given), "0", "1.5", "true"):
        file.write_text(f"workers = {said}\n")
        with pytest.raises(ValidationError, match=rf"{file}: workers: .* is no number of workers"):
            settings({"config": str(file)}, {})
    with pytest.raises(ValidationError, match=r"PROTOBASE_WORKERS: .* leave it out to serve"):
        settings({}, {"PROTOBASE_WORKERS": given})
