"""A proxy in front of an object store that does to requests what networks and busy stores do to them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from urllib.parse import urlsplit

FAULTS = ("late", "cut", "lost answer", "slow down", "too many")
"""A request takes longer; it never arrives; it is done, and its answer is lost; it is answered with 503; with
429."""

BUSY = {"slow down": (503, b"<Error><Code>SlowDown</Code></Error>"), "too many": (429, b"{}")}


class ObjectProxy:
    """Lets requests through to the store at ``endpoint``, unless the seed draws a fault for one."""

    def __init__(self, endpoint: str, seed: int) -> None:
        self.fault_probability = 0.0
        """How likely a request meets one of the faults, all as likely as the others."""
        self.late_seconds = 0.05
        """How long a late one is late."""
        self.happened: Counter[str] = Counter()
        """How many requests met which fault; ``fine`` are the others."""
        self._target = urlsplit(endpoint).netloc
        self._random = Random(seed)
        self._lock = threading.Lock()

    def draw(self) -> str:
        """What happens to the next request."""
        with self._lock:
            is_faulty = self._random.random() < self.fault_probability
            fault = self._random.choice(FAULTS) if is_faulty else "fine"
            self.happened[fault] += 1
            return fault

    def forward(
        self, request: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the store answers; the request goes there byte for byte, since it may be signed."""
        connection = HTTPConnection(self._target, timeout=60)
        try:
            connection.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name.lower() not in ("expect", "connection"):
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


@contextmanager
def object_proxy(endpoint: str, seed: int) -> Iterator[tuple[ObjectProxy, str]]:
    """A proxy and its address, until the block ends."""
    proxy = ObjectProxy(endpoint, seed)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = proxy.draw()
            if fault == "late":
                time.sleep(proxy.late_seconds)
            if fault in BUSY:
                self._say(BUSY[fault][0], [], BUSY[fault][1])
            elif fault == "cut" or not self._pass_on(body, fault):
                self.close_connection = True

        def _pass_on(self, body: bytes, fault: str) -> bool:
            """Whether the caller hears of it."""
            try:
                answer = proxy.forward(self, body)
                if fault != "lost answer":
                    self._say(*answer)
                return fault != "lost answer"
            except OSError:  # the store, or the caller, has gone
                return False

        def _say(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in (
                    "transfer-encoding",
                    "content-length",
                    "connection",
                    "server",
                    "date",
                ):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = answer

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing is printed."""

    class Listener(ThreadingHTTPServer):
        request_queue_size = 64
        daemon_threads = True

    server = Listener(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
