"""All doors over TLS, with a certificate of the test."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from websockets.asyncio.client import connect as connect_websocket

import protobase_live as pb
from protobase_live.server.certificate import Certificate
from protobase_live.server.server import Server
from protobase_live.server.tls import peer_tls, server_tls
from tests.support.certificates import Files, certificate_files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return certificate_files(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def trusting(files: Files) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=files.ca)


@pytest.fixture
async def server(files: Files) -> AsyncIterator[Server]:
    tls = Certificate(str(files.cert), str(files.key)).context
    async with pb.open("memory:") as db, pb.Server(db, port=0, tls=tls) as server:
        yield server


@pytest.mark.parametrize("transport", ["websocket", "http"])
async def test_a_client_comes_in_by_tls(server, trusting, transport):
    assert server.url == f"https://127.0.0.1:{server.port}"
    async with pb.connect(server.url, tls=trusting, transport=transport) as db:
        tasks = await db.collection("tasks")
        async with tasks.changes() as changes:
            await tasks.insert({"title": "x" * 100_000}, key="t1")
            assert (await anext(changes)).key == "t1"


async def test_the_doors_of_yjs_and_http(server, trusting):
    for path in ("yjs/tasks", "hocuspocus"):
        async with connect_websocket(f"wss://127.0.0.1:{server.port}/{path}", ssl=trusting) as client:
            if path.startswith("yjs"):
                assert (await client.recv())[:2] == b"\x00\x00"
    for path in ("healthz", "metrics", "api/v1/collections", "api/v1/openapi.json", ""):
        get = f"{server.url}/{path}"
        answer = await asyncio.to_thread(lambda get=get: urlopen(get, context=trusting).read())
        assert answer


async def test_who_does_not_know_the_certificate_does_not_come_in(server):
    with pytest.raises(pb.Unavailable, match=r"the certificate of 127\.0\.0\.1 is not accepted"):
        await pb.connect(server.url)


async def test_nothing_is_said_without_tls(server):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"HTTP/1.1" not in await reader.read()
    writer.close()


async def test_nodes_are_linked_by_tls(files, server):
    secret, tls = b"a secret of nodes", Certificate(str(files.cert), str(files.key)).context
    async with (
        pb.open("memory:", node_id="n1") as one,
        pb.open("memory:", node_id="n2") as other,
        pb.Server(one, port=0, tls=tls, cluster_secret=secret) as dialed,
    ):
        peers = [f"wss://127.0.0.1:{dialed.port}"]
        trusted = peer_tls(str(files.ca))
        async with pb.Server(other, port=0, peers=peers, peer_tls=trusted, cluster_secret=secret):
            tasks = await one.collection("tasks")
            async with (await other.collection("tasks")).changes() as changes:
                await tasks.insert({}, key="t1")
                assert (await anext(changes)).key == "t1"


def test_files_that_are_no_certificate_and_key(files, tmp_path: Path):
    nothing = tmp_path / "nothing.pem"
    nothing.write_bytes(b"")
    other = certificate_files(tmp_path)
    for cert, key, said in (
        (None, files.key, "name the certificate"),
        (files.cert, tmp_path / "missing", "No such file"),
        (nothing, files.key, "no certificate and key"),
        (files.cert, None, "no certificate and key"),
        (files.cert, other.key, "no certificate and key"),
    ):
        with pytest.raises(pb.ValidationError, match=said):
            server_tls(*(None if each is None else str(each) for each in (cert, key)))
    for ca in (nothing, tmp_path / "missing"):
        with pytest.raises(pb.ValidationError, match="no certificates"):
            peer_tls(str(ca))
    assert server_tls(None, None) is peer_tls(None) is None
    both = tmp_path / "both.pem"
    both.write_bytes(files.cert.read_bytes() + files.key.read_bytes())
    assert server_tls(str(both), None) is not None
