"""Real NATS servers on this machine: one, or three that keep replicas of each other's streams."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from protobase_live.cli.demo.ports import ReservedPorts

START_SECONDS = 60
"""How long servers may take to start; on a busy machine they take their time."""

CONFIGURATION = """
server_name: {name}
listen: 127.0.0.1:{port}
http: 127.0.0.1:{monitor}
jetstream {{ store_dir: "{folder}", sync_interval: {sync}, max_file_store: 8GB }}
"""

CLUSTER = """
cluster {{ name: test, listen: 127.0.0.1:{route}, routes: [{routes}] }}
"""


class NatsServer:
    """A server that can be killed and started again with what it has stored."""

    def __init__(self, folder: Path, name: str = "one", sync: str = "always") -> None:
        self.folder = folder / name
        self._ports = ReservedPorts(0, 3)
        self.port, self.monitor, self.route = self._ports.numbers
        self._name = name
        self._sync = sync
        self._process: subprocess.Popen[bytes] | None = None
        self.routes: Sequence[int] = ()

    @property
    def host(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of its process, which runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Run it, and do not wait until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        told = CONFIGURATION.format(
            name=self._name, port=self.port, monitor=self.monitor, folder=self.folder, sync=self._sync
        )
        if self.routes:
            routes = ", ".join(f"nats://127.0.0.1:{each}" for each in self.routes)
            told += CLUSTER.format(route=self.route, routes=routes)
        file = self.folder.parent / f"{self._name}.conf"
        file.write_text(told)
        command = [str(Path(sys.executable).with_name("nats-server")), "-c", str(file)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """End it as a power failure would end its process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def end(self) -> None:
        """Kill it for good."""
        self.kill()
        self._ports.close()

    def wait_until_ready(self) -> None:
        """Until it is, and its streams have leaders and are whole."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            assert self._process is not None
            assert self._process.poll() is None, "nats-server has ended"
            assert time.monotonic() < deadline, "nats-server is not ready"
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.monitor}/healthz", timeout=2) as answer:
                return answer.status == 200
        except (URLError, OSError):
            return False

    def leads(self, stream: str) -> bool:
        """Whether it is the leader of a stream."""
        url = f"http://127.0.0.1:{self.monitor}/jsz?streams=true"
        with urlopen(url, timeout=5) as answer:
            told = json.load(answer)
        accounts = told.get("account_details", [])
        streams = [each for account in accounts for each in account.get("stream_detail", [])]
        return any(
            each["name"] == stream and each.get("cluster", {}).get("leader") == self._name for each in streams
        )


@contextmanager
def one_server() -> Iterator[NatsServer]:
    """A server by itself, in a temporary folder, until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        server = NatsServer(Path(folder))
        with running([server]):
            yield server


@contextmanager
def three_servers() -> Iterator[list[NatsServer]]:
    """Three that know each other, in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        servers = _linked(Path(folder))
        with running(servers):
            yield servers


def _linked(folder: Path) -> list[NatsServer]:
    servers = [NatsServer(folder, name) for name in ("a", "b", "c")]
    for each in servers:
        each.routes = [server.route for server in servers]
    return servers


@contextmanager
def running(servers: Sequence[NatsServer]) -> Iterator[None]:
    """Servers are ready until the block ends."""
    with ExitStack() as stack:
        for each in servers:
            stack.callback(each.end)
            each.start()
        for each in servers:
            each.wait_until_ready()
        yield
