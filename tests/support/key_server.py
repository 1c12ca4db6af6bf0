"""Who makes tokens: a real HTTP server that gives out its keys as a JWK set, as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class KeyServer(ThreadingHTTPServer):
    """Answers each request with `body`, when the gate is open."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.body = b""
        self.headers: Mapping[str, str] = {}
        self.asked = 0
        self.heard: Callable[[], object] = lambda: None
        """Is called in another thread when somebody asks."""
        self.gate = threading.Event()
        self.gate.set()

    @property
    def url(self) -> str:
        """Where the keys are."""
        return f"http://127.0.0.1:{self.server_address[1]}/keys?secret=s3cret"

    def give(self, *keys: Mapping[str, Any]) -> None:
        """From now on these are the keys."""
        self.body = json.dumps({"keys": keys}).encode()


class _Handler(BaseHTTPRequestHandler):
    server: KeyServer

    def do_GET(self) -> None:
        """Give what there is."""
        self.server.asked += 1
        self.server.heard()
        self.server.gate.wait()
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):  # it may have heard enough
            self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests are silent."""


@contextmanager
def key_server() -> Iterator[KeyServer]:
    """One that runs, on a free port."""
    server = KeyServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()
