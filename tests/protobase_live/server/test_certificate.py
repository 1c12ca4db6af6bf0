"""Certificates that are replaced while a server is up."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

import pytest

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.server.certificate import Certificate
from tests.support.certificates import Files, certificate_files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return certificate_files(tmp_path)


async def accepts(server: pb.Server, ca: bytes) -> bool:
    """Whether one who trusts this signer alone comes in."""
    trusting = ssl.create_default_context(cadata=ca.decode())
    try:
        async with pb.connect(server.url, tls=trusting):
            return True
    except pb.Unavailable:
        return False


async def test_new_connections_have_the_new_one_and_open_ones_go_on(files: Files, tmp_path: Path) -> None:
    clock = ManualClock()
    certificate = Certificate(str(files.cert), str(files.key))
    old = files.ca.read_bytes()
    async with (
        certificate.refreshed(clock, 60),
        pb.open("memory:") as db,
        pb.Server(db, port=0, tls=certificate.context) as server,
        pb.connect(server.url, tls=ssl.create_default_context(cadata=old.decode())) as open_one,
    ):
        new = certificate_files(tmp_path).ca.read_bytes()
        assert (await accepts(server, old), await accepts(server, new)) == (True, False)
        await clock.advance(60)
        assert (await accepts(server, old), await accepts(server, new)) == (False, True)
        tasks = await open_one.collection("tasks")
        await tasks.insert({"title": "goes on"}, key="t1")
        assert await tasks.get("t1") == {"title": "goes on"}


async def test_what_does_not_belong_together_is_left_alone(
    files: Files, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = Certificate(str(files.cert), str(files.key))
    old, key = files.ca.read_bytes(), files.key.read_bytes()
    caplog.set_level(logging.INFO, "protobase_live")
    async with pb.open("memory:") as db, pb.Server(db, port=0, tls=certificate.context) as server:
        new = certificate_files(tmp_path)
        replaced = new.key.read_bytes()
        new.key.write_bytes(key)  # the certificate is there already, its key is not
        for _ in range(2):
            certificate.refresh()
            assert (await accepts(server, old), await accepts(server, new.ca.read_bytes())) == (True, False)
        new.key.unlink()
        certificate.refresh()
        assert await accepts(server, old)
        new.key.write_bytes(replaced)
        certificate.refresh()
        assert await accepts(server, new.ca.read_bytes())
    told = [each.event for each in caplog.records if hasattr(each, "event") and "certificate" in each.event]
    assert told == ["certificate_refused", "certificate_refused", "certificate_read"]


async def test_what_has_not_changed_is_not_read(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = Certificate(str(files.cert), str(files.key))
    monkeypatch.setattr(certificate, "_load_into", lambda context: pytest.fail("read"))
    clock = ManualClock()
    async with certificate.refreshed(clock, 60):
        await clock.advance(180)
    await asyncio.sleep(0)
    await clock.advance(180)
