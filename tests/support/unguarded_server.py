"""``protobase-live serve`` whose door lets impossible structs in: what the defence behind it is for.

Run as ``python -m tests.support.unguarded_server --workers 2 --storage file:FOLDER --listen HOST:PORT``.
"""

from __future__ import annotations

import sys
from typing import Any

from pycrdt import Doc, merge_updates

from protobase_live.cli import supervise, worker
from protobase_live.cli.serve import options, serve
from protobase_live.document import Document
from protobase_live.protocol.yjs.structs import admission
from tests.support import yjs_encoding as yjs

NAME = "tests.support.unguarded_server"
UNGUARDED_SERVE = (sys.executable, "-m", NAME)
"""The command, as `ServerProcess` takes it."""

WORKER = "worker"


def deadly(client: int) -> bytes:
    """An update on which the native library reads and writes memory that is freed (docs/upstream.md, 6)."""
    updates: list[bytes] = []
    for one in range(client, client + 40, 2):
        array = yjs.item(yjs.shared(yjs.Shared.ARRAY), parent="z")
        pair = yjs.item(yjs.values("x", "y"), parent=yjs.Id(one, 0), key="k")
        behind = yjs.item(yjs.shared(yjs.Shared.XML_TEXT), left=yjs.Id(one, 1))
        updates += [yjs.sent(one, 0, array, pair), yjs.sent(one + 1, 0, behind)]
        updates.append(yjs.sent(one, 0, deletes={one: [(0, 1)]}))
    return merge_updates(*updates)


def endless(client: int) -> bytes:
    """An update on which the native library never ends: an array that holds text, and more behind it."""
    record, array = yjs.Id(client, 0), yjs.Id(client, 1)
    return yjs.sent(
        client,
        0,
        yjs.item(yjs.shared(yjs.Shared.MAP), parent="records", key="endless"),
        yjs.item(yjs.shared(yjs.Shared.ARRAY), parent=record, key="list"),
        yjs.item(yjs.text("\u00e4\u00f6"), parent=array),
        yjs.item(yjs.values(1), left=yjs.Id(client, 3)),
    )


def _switch_off() -> None:
    """Have documents take what no Yjs client writes. Before that, the native library is given what came, as
    it came, and encodes what that comes to: as in a server that has nothing of its own before it.
    """
    take = Document.take

    def take_unseen(document: Document, update: bytes, sender: Any, **how: Any) -> bool:
        naked = Doc()
        naked.apply_update(update)
        naked.get_update()
        return take(document, update, sender, **how)

    Document.take = take_unseen
    admission._check_content = lambda *_: None


def main() -> None:
    """Serve until the process is ended, as the supervisor or as a worker."""
    if sys.argv[1] == WORKER:
        _switch_off()
        worker.main(sys.argv[2:])
        return
    supervise.WORKER = (*UNGUARDED_SERVE, WORKER)
    chosen = options(sys.argv[1:])
    assert chosen is not None, "--workers 2 --storage file:FOLDER --listen HOST:PORT"
    serve(chosen)


if __name__ == "__main__":
    main()
