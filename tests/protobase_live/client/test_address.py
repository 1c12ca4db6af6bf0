"""What becomes of an address that is wrong: said at once, with what would be right."""

from __future__ import annotations

import ssl

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidMessage, InvalidStatus
from websockets.http11 import Response

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.client.address import live_url, refusal

URL = "wss://host:1/liv"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://host:1/live", "ws://host:1/live"),
        ("ws://host:1", "ws://host:1/live"),
        ("http://host:1/", "ws://host:1/live"),
        ("https://host/behind/proxy", "wss://host/behind/proxy"),
    ],
)
def test_addresses(url, expected) -> None:
    assert live_url(url) == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file:./data", "is a storage: use pb.open"),
        ("memory:", "is a storage: use pb.open"),
        ("ftp://host", "no address of a live door; write it like ws://"),
        ("host:8765", "no address of a live door"),
        ("ws:///live", "no address of a live door"),
        ("ws://[host/live", "and this is none: Invalid IPv6 URL"),
        ("ws://host:99999", "and this is none: Port out of range 0-65535"),
        ("ws://host:port/live", "and this is none: Port could not be cast"),
        ("ws://host:1/yjs/tasks", "for Yjs clients; the live door is at ws://host:1/live"),
    ],
)
def test_what_is_no_address(url, said) -> None:
    with pytest.raises(pb.ValidationError, match=said):
        live_url(url)


def answered(status: int) -> InvalidStatus:
    return InvalidStatus(Response(status, "", Headers()))


def without_answer() -> InvalidMessage:
    loss = InvalidMessage("no HTTP")
    loss.__cause__ = EOFError()
    return loss


@pytest.mark.parametrize(
    ("loss", "kind", "said"),
    [
        (answered(200), pb.ProtocolError, "HTTP 200 and opens no connection; .* is at wss://host:1/live"),
        (answered(404), pb.ProtocolError, "HTTP 404"),
        (answered(401), pb.Unauthorized, "HTTP 401"),
        (answered(403), pb.Unauthorized, "HTTP 403"),
        (ssl.SSLError("WRONG_VERSION_NUMBER"), pb.ProtocolError, "does not speak TLS; write ws://"),
        (ConnectionResetError(), pb.Unavailable, "if it does not speak TLS, write ws://"),
        (InvalidMessage("no HTTP"), pb.ProtocolError, "if it speaks TLS, write wss://"),
        (without_answer(), pb.Unavailable, "if it speaks TLS, write wss://"),
        (ConnectionRefusedError(), pb.Unavailable, "nothing listens at host:1"),
    ],
)
def test_what_no_second_attempt_would_change(loss, kind, said) -> None:
    error = refusal(URL, loss)
    assert type(error) is kind
    with pytest.raises(kind, match=said):
        raise error


@pytest.mark.parametrize(
    "loss", [answered(500), answered(503), answered(429), TimeoutError(), OSError("unreachable")]
)
def test_what_may_pass(loss) -> None:
    assert refusal(URL, loss) is None


def test_several_addresses_of_a_host_that_all_refuse() -> None:
    words = (
        "[Errno 111] Connect call failed ('::1', 1, 0, 0), [Errno 111] Connect call failed ('127.0.0.1', 1)"
    )
    assert refusal("ws://localhost:1/live", OSError(f"Multiple exceptions: {words}")) is not None


@pytest.mark.parametrize("path", ["", "/", "/live"])
async def test_the_address_of_the_server_is_enough(path) -> None:
    async with (
        pb.open("memory:") as db,
        pb.Server(db, port=0) as server,
        pb.connect(server.url + path) as remote,
    ):
        assert await remote.query(pb.Query("tasks")) == []


@pytest.mark.parametrize("path", ["/metrics", "/elsewhere"])
async def test_a_wrong_path_is_told_at_once(path) -> None:
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        clock = ManualClock()  # no time goes by: nothing is waited for
        with pytest.raises(pb.ProtocolError, match="the live door of a server is at ws://"):
            await pb.connect(server.url + path, clock=clock)


@pytest.mark.parametrize("loss", [answered(404), answered(401), ConnectionRefusedError(), OSError("other")])
def test_no_secret_of_an_address_is_said(loss) -> None:
    said = str(refusal("wss://ann:secret@host:1/live?token=secret", loss))
    assert "secret" not in said


@pytest.mark.parametrize(
    "url", ["ftp://ann:secret@host", "ws://ann:secret@/live?secret", "ws://ann:secret@[/"]
)
def test_no_secret_of_a_wrong_address_is_said(url) -> None:
    with pytest.raises(pb.ValidationError) as raised:
        live_url(url)
    assert "secret" not in str(raised.value)
