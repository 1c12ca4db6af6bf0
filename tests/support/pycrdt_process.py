"""pycrdt in a process of its own: a line of JSON with updates in, one with what it has then out."""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode

from pycrdt import Doc


def answer(updates: list[str], skip_gc: bool) -> list[str]:
    """The state vector after these updates, and everything as one update."""
    doc: Doc = Doc(skip_gc=skip_gc)
    for update in updates:
        doc.apply_update(b64decode(update))
    return [b64encode(data).decode() for data in (doc.get_state(), doc.get_update())]


for line in sys.stdin:
    try:
        said = {"value": answer(**json.loads(line))}
    except BaseException as error:  # a panic of the native library derives from BaseException alone
        said = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(said), flush=True)
