"""Starting and stopping a server."""

import asyncio
import json
import re
import signal
import ssl
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import InvalidStatus

import protobase_live as pb
from protobase_live.cli.serve import address, authentication, options
from protobase_live.cli.settings import settings
from protobase_live.server.authentication import anonymous
from protobase_live.server.json_web_tokens import Jwt
from tests.protobase_live.cli.command import line, run, running, stop
from tests.support.certificates import certificate_files

READY = re.compile(r"listening on http://(127\.0\.0\.1:\d+)\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {}),
        (["--storage", "memory:"], {"storage": "memory:"}),
        (["--listen", "[::1]:0", "--storage", "file:x"], {"storage": "file:x", "listen": "[::1]:0"}),
        (["--log-level", "info", "--config", "x"], {"log_level": "info", "config": "x"}),
        (["--limit", "a=1", "--limit", "b=2", "--origin", "*"], {"limit": ["a=1", "b=2"], "origin": ["*"]}),
        (["--peer", "a", "--node-id", "n", "--peer", "b"], {"peer": ["a", "b"], "node_id": "n"}),
        (["--jwt-keys", "k", "--jwt-algorithm", "HS256"], {"jwt_keys": "k", "jwt_algorithm": ["HS256"]}),
        (["--insecure", "--listen"], None),
        (["--log_leve", "info"], None),
        (["storage", "memory:"], None),
        (["--help"], None),
        (["--storage"], None),
        (["--storage=memory:"], None),
        (["--storag", "memory:"], None),
    ],
)
def test_usual_calls_are_understood_without_typer(arguments, expected):
    assert options(arguments) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:80", ("::1", 80)), ("host:65535", ("host", 65535))],
)
def test_address(text, expected):
    assert address(text) == expected


@pytest.mark.parametrize("text", ["", "8765", ":8765", "host:", "host:x", "host:65536", "host:-1", "host:٣"])
def test_bad_address(text):
    with pytest.raises(pb.ValidationError, match="HOST:PORT"):
        address(text)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_one_line_then_a_clean_stop_that_keeps_everything(tmp_path, number):
    storage = f"file:{tmp_path / 'data'}"
    async with running("serve", "--storage", storage, "--listen", "127.0.0.1:0") as server:
        host = READY.fullmatch(await line(server))[1]
        async with (
            pb.connect(f"ws://{host}/live") as db,
            connect_websocket(f"ws://{host}/yjs/tasks") as raw,
        ):
            await (await db.collection("tasks")).insert({"title": "a"}, key="t1")
            ended = await stop(server, number)
            await raw.wait_closed()
    assert (ended, raw.close_code) == ((0, "", ""), 1001)
    async with pb.open(storage) as db:
        assert await (await db.collection("tasks")).get("t1") == {"title": "a"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_longer_way_through_typer_serves_too(number):
    async with running("serve", "--storage=memory:", "--listen=127.0.0.1:0") as server:
        assert READY.fullmatch(await line(server))
        assert await stop(server, number) == (0, "", "")


async def test_what_keeps_it_from_serving_is_one_line(tmp_path):
    storage = f"file:{tmp_path / 'data'}"
    async with running("serve", "--storage", storage, "--listen", "127.0.0.1:0") as server:
        host = READY.fullmatch(await line(server))[1]
        taken = await run("serve", "--storage", "memory:", "--listen", host)
        locked = await run("serve", "--storage", storage, "--listen", "127.0.0.1:0")
    assert taken == (1, "", f"error: cannot listen on {host}: Address already in use\n")
    for more in ((), ("--workers", "1")):
        odd = await run("serve", "--storage", storage, "--insecure", "--listen", "a..b:0", *more)
        assert (odd.code, "Traceback" in odd.err) == (1, False)
        assert odd.err.splitlines()[-1].startswith("error: cannot listen on a..b:0: ")
    assert locked.code == 1
    assert re.fullmatch(r"error: cannot open 'file:.*' is held by process \d+\n", locked.err)


async def test_a_variable_that_was_meant_as_a_setting_is_told():
    given = ("env", "PROTOBASE_POLCY=policy.toml")
    ended = await run("serve", "--storage", "memory:", "--listen", "a..b:0", before=given)
    assert "PROTOBASE_POLCY is no setting, and is ignored; did you mean PROTOBASE_POLICY?" in ended.err


async def test_a_full_disk_keeps_it_from_serving_in_one_line(tmp_path):
    storage = f"file:{tmp_path / 'data'}"
    full = ("sh", "-c", 'ulimit -f 4; exec "$@"', "sh")
    ended = await run("serve", "--storage", storage, "--listen", "127.0.0.1:0", before=full)
    assert (ended.code, ended.out) == (1, "")
    assert re.fullmatch(rf"error: cannot open '{storage}': .*(no room|I/O error).*\n", ended.err)
    async with running("serve", "--storage", storage, "--listen", "127.0.0.1:0") as server:
        assert READY.fullmatch(await line(server))


async def test_settings_reach_the_server_and_its_log_is_json(tmp_path):
    config = tmp_path / "server.toml"
    config.write_text(
        'storage = "memory:"\nlisten = "127.0.0.1:0"\nlog_level = "info"\nlog_format = "json"\n'
        "[limits]\ndocument_bytes = 2000\n[server_limits]\nsessions = 1\n"
    )
    async with running("serve", "--config", str(config)) as server:
        host = READY.fullmatch(await line(server))[1]
        async with connect_websocket(f"ws://{host}/live", subprotocols=["protobase-live.v1.json"]):
            with pytest.raises(InvalidStatus, match="503"):
                await connect_websocket(f"ws://{host}/live")
        async with pb.connect(f"ws://{host}/live") as db:
            tasks = await db.collection("tasks")
            await tasks.put({"text": "x" * 3000}, key="k")
            with pytest.raises(pb.LimitExceeded, match=r"2000 bytes \(document_bytes\)"):
                await tasks.put({"text": "x"}, key="l")
        ended = await stop(server, signal.SIGTERM)
    assert ended.code == 0
    told = [json.loads(each) for each in ended.err.splitlines()]
    assert [each["message"] for each in told] == [
        f"serving memory: on http://{host}",
        "refused a connection: at the limit of 1 sessions (sessions)",
        "stopping",
        "stopped",
    ]
    assert [each["event"] for each in told] == ["serving", "connection_refused", "stopping", "stopped"]
    assert (told[1]["door"], len(told[1]["connection"])) == ("live", 8)
    assert {each["level"] for each in told} == {"info"}
    assert all(each["logger"].startswith("protobase_live.") for each in told)


async def test_commits_are_told_to_a_collector_of_traces(monkeypatch):
    """Over OTLP, where OpenTelemetry's own variables say; the last ones when the server stops."""
    bodies: asyncio.Queue[bytes] = asyncio.Queue()

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert head.startswith("post /v1/traces ")
        bodies.put_nowait(await reader.readexactly(int(re.search(r"content-length: (\d+)", head)[1])))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(collect, "127.0.0.1", 0) as collector:
        port = collector.sockets[0].getsockname()[1]
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        traced = "--storage", "memory:", "--listen", "127.0.0.1:0", "--traces", "1"
        async with running("serve", *traced) as server:
            host = READY.fullmatch(await line(server))[1]
            async with pb.connect(f"ws://{host}/live") as db:
                await (await db.collection("tasks")).put({"text": "s3cr3t-marker"}, key="s3cr3t-marker")
            assert (await stop(server, signal.SIGTERM)).code == 0
        told = await bodies.get()
    for word in b"protobase-live", b"tasks", b"commit", b"admit", b"apply", b"persist", b"show":
        assert word in told
    assert b"s3cr3t" not in told


@pytest.mark.parametrize(("share", "said"), [("x", "is no number"), ("2", "from 0 to 1, not 2")])
async def test_a_share_of_traces_that_is_none_is_one_line(share, said):
    ended = await run("serve", "--storage", "memory:", "--listen", "127.0.0.1:0", "--traces", share)
    assert (ended.code, ended.out) == (1, "")
    assert re.fullmatch(rf"error: .*{said}.*\n", ended.err)


async def test_the_inspector_may_be_switched_off():
    switched = "--storage", "memory:", "--listen", "127.0.0.1:0", "--inspector", "off"
    async with running("serve", *switched) as server:
        host = READY.fullmatch(await line(server))[1]
        with pytest.raises(HTTPError, match="404"):
            await asyncio.to_thread(urlopen, f"http://{host}/api/v1/inspection")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--storage", "s3:///p"], 1, "names no bucket; write s3://BUCKET/PREFIX"),
        (["--storage", "nosuch:x"], 1, "use 'memory:', 'file:PATH'"),
        (["--storage", "memory:", "--listen", "x"], 1, "is no HOST:PORT"),
        (["--nosuch"], 2, "No such option"),
        (["--storage", "memory:", "--limit", "views=many"], 1, "--limit views: 'many' is not a whole number"),
        (["--storage", "memory:", "--origin", "x"], 1, "'x' is no origin"),
        (
            ["--storage", "memory:", "--peer", "ws://a:1/peer"],
            1,
            "have a secret in common (cluster-secret-file)",
        ),
        (["--storage", "memory:", "--cluster-secret-file", "nosuch"], 1, "'nosuch': No such file"),
        (["--storage", "memory:", "--node-id", ""], 1, "error: "),
        (["--storage", "memory:", "--durability", "some"], 1, "'some' is no durability"),
    ],
)
async def test_bad_calls(arguments, code, says):
    ended = await run("serve", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert says in ended.err
    assert "Traceback" not in ended.err


def test_tokens_are_checked_with_what_the_settings_name(tmp_path):
    keys = tmp_path / "keys"
    keys.write_bytes(b"a secret of at least thirty-two bytes")
    given = options(
        ["--jwt-keys", str(keys), "--jwt-algorithm", "HS256", "--jwt-audience", "us", "--jwt-issuer", "them"]
    )
    assert given is not None
    checks = authentication(settings(given, {}))
    assert isinstance(checks, Jwt)
    found = checks.keys, tuple(checks.algorithms), checks.audience, checks.issuer
    assert found == (str(keys), ("HS256",), "us", "them")
    assert authentication(settings({}, {})) is anonymous


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PROTOBASE_JWT_AUDIENCE": "us"}, "--jwt-keys"),
        ({"PROTOBASE_JWT_ALGORITHMS": "HS256"}, "--jwt-keys"),
        ({"PROTOBASE_JWT_KEYS": "missing"}, "algorithms of tokens explicitly"),
        ({"PROTOBASE_JWT_KEYS": "missing", "PROTOBASE_JWT_ALGORITHMS": "HS256"}, "missing: No such file"),
    ],
)
def test_half_a_check_of_tokens_lets_nobody_in(environment, said):
    with pytest.raises(pb.ValidationError, match=said):
        authentication(settings({}, environment))


async def test_serve_speaks_tls(tmp_path):
    files = certificate_files(tmp_path)
    given = ["--tls-cert", str(files.cert), "--tls-key", str(files.key)]
    async with running("serve", "--storage", "memory:", "--listen", "127.0.0.1:0", *given) as server:
        said = await line(server)
        assert said.startswith("listening on https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=files.ca)
        url = said.removeprefix("listening on ").strip()
        async with pb.connect(url, tls=trusting) as db:
            assert await db.collections() == []
        code, _, _ = await stop(server, signal.SIGTERM)
        assert code == 0


async def test_half_of_tls_is_none():
    ended, _, said = await run("serve", "--storage=memory:", "--listen=127.0.0.1:0", "--tls-key=key.pem")
    assert (ended, said.count("\n")) == (1, 1)
    assert "--tls-cert" in said


def test_keys_may_be_behind_a_url():
    given = {
        "PROTOBASE_JWT_KEYS": "https://login.example.com/keys",
        "PROTOBASE_JWT_ALGORITHMS": "RS256",
        "PROTOBASE_JWKS_SECONDS": "2",
    }
    checks = authentication(settings({}, given))
    assert isinstance(checks, Jwt)
    assert (checks.keys, checks.limits.jwks_seconds) == ("https://login.example.com/keys", 2.0)


@pytest.mark.parametrize("arguments", [["--jwt-keys", ""], ["--jwt-keys="]])
async def test_a_name_of_keys_that_is_empty_lets_nobody_in(arguments):
    ended, _, said = await run("serve", "--storage=memory:", "--listen=127.0.0.1:0", *arguments)
    assert ended == 1
    assert "algorithms of tokens" in said
