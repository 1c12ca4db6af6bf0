"""Two judges of updates, in processes of their own: Yjs in Node (see ``tests/interop/struct_oracle.mjs``) and
pycrdt with freed memory filled, so that reading it shows."""

from __future__ import annotations

import shutil
import sys
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protobase_live.protocol.yjs.state_vector import decode_state_vector
from tests.support.json_process import JsonProcess
from tests.support.yjs_node import INTEROP

LARGE = "an integer that pycrdt does not keep"


@dataclass(frozen=True)
class Judged:
    """What a Yjs document has: what it shows, its state vector, what is deleted of whom, whether something
    waits for what is missing, and the size of its own encoding in bytes."""

    content: Any
    vector: dict[int, int]
    deletes: dict[int, list[list[int]]]
    pending: bool
    size: int


@dataclass(frozen=True)
class History:
    """A random history: its updates in an order in which each finds what it builds on, the same in another
    order, doubled and merged, and what Yjs makes of them."""

    updates: list[bytes]
    deliveries: list[bytes]
    judged: Judged


class YjsJudge(JsonProcess):
    """Yjs 13."""

    def __init__(self) -> None:
        node = shutil.which("node")
        assert node, "Node 20 or newer is needed for the tests with Yjs"
        assert (INTEROP / "node_modules").is_dir(), "run 'npm ci --prefix tests/interop' (make test does)"
        super().__init__([node, str(INTEROP / "struct_oracle.mjs")])

    def history(self, seed: int, **options: Any) -> History:
        """The history of a seed; ``options`` as ``struct_history.mjs`` has them, and ``far``: by how many
        places an update may be late."""
        made = self.ask(do="history", seed=seed, **options)
        return History(_decoded(made["updates"]), _decoded(made["deliveries"]), _judged(made["judged"]))

    def judge(self, updates: Sequence[bytes], *, gc: bool = True) -> Judged:
        """What a document has that took these updates one after the other."""
        return _judged(self.ask(do="judge", updates=_encoded(updates), gc=gc))


class PycrdtJudge(JsonProcess):
    """pycrdt, a document for each question. A crash or a hang raises ProcessEnded."""

    def __init__(self) -> None:
        environment = {"MALLOC_PERTURB_": "165", "PYTHONFAULTHANDLER": "1"}
        super().__init__([sys.executable, str(Path(__file__).with_name("pycrdt_process.py"))], environment)

    def judge(self, updates: Sequence[bytes], *, skip_gc: bool = False) -> tuple[dict[int, int], bytes]:
        """The state vector after these updates, each in a transaction of its own, and what it encodes."""
        vector, update = _decoded(self.ask(updates=_encoded(updates), skip_gc=skip_gc))
        return decode_state_vector(vector), update


def as_pycrdt_keeps(content: Any) -> Any:
    """What is shown but for what pycrdt is known to change: integers beyond 2**53 and zeros below zero, the
    order of keys, options of subdocuments."""
    match content:
        case {"bigint": _}:
            return LARGE
        case int() | float() if abs(content) > 2**53:
            return LARGE
        case {"minus": 0}:
            return 0
        case {"entries": entries}:
            return {key: as_pycrdt_keeps(value) for key, value in entries}
        case {"subdocument": guid}:
            return {"subdocument": guid}
        case dict():
            return {key: as_pycrdt_keeps(value) for key, value in content.items()}
        case list():
            return [as_pycrdt_keeps(value) for value in content]
        case _:
            return content


def _encoded(updates: Sequence[bytes]) -> list[str]:
    return [b64encode(update).decode() for update in updates]


def _decoded(updates: list[str]) -> list[bytes]:
    return [b64decode(update) for update in updates]


def _judged(value: dict[str, Any]) -> Judged:
    vector = {int(client): clock for client, clock in value["vector"].items()}
    deletes = {int(client): ranges for client, ranges in value["deletes"].items()}
    return Judged(value["content"], vector, deletes, value["pending"], value["size"])
