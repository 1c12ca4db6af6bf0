"""A word that is written everywhere a user can write, and looked for in every byte that is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pycrdt import Doc, Map, Text

from protobase_live.protocol.yjs import messages as yjs
from tests.support import raw
from tests.support.cloud_places import PlaceObjects, keys_at
from tests.support.server_process import ServerProcess

MARKER = "Quetzalcoatlus"
"""Letters that nothing else is likely to be made of: they stand as they are in UTF-8 and MessagePack."""

KEPT = "Archaeopteryx"
"""The same for what stays."""


async def write_marker(db: Any, server: ServerProcess) -> None:
    """Write the marker into a record, its text and its past, and show it to others; more stays beside it."""
    notes = await db.collection("notes")
    for n in range(20):
        await notes.put({"title": f"{MARKER} {n}", "list": [MARKER], MARKER: n}, key="gone")
        await notes.put({"title": f"{KEPT} {n}"}, key=f"kept{n}")
    await notes.update("gone", title="harmless", list=[])
    async with db.transaction() as tx:
        tx["notes"].insert({"title": MARKER}, key="deleted long ago")
        tx["other"].insert({"title": KEPT}, key="kept")
    await notes.delete("deleted long ago")
    await notes.text("page").append(f"{KEPT} {MARKER} {KEPT}")
    await notes.text("page").delete(len(KEPT), len(MARKER) + 1)
    await type_marker(server)
    async with notes.presence({"name": MARKER}):
        pass


async def type_marker(server: ServerProcess) -> None:
    """Type it as a stock Yjs client does, into a text of the same record, and be seen to do so."""
    doc: Doc[Any] = Doc()
    connection = await raw.join(server.yjs, "notes", doc)
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    text = Text("")
    doc.get("records", type=Map)["gone"]["body"] = text
    for letter in MARKER:
        text += letter
    text += f" {MARKER}"
    doc.unobserve(subscription)
    for update in updates:
        await connection.send(yjs.encode_update(update))
    await connection.send(yjs.encode_step1(doc.get_state()))
    while not isinstance(await raw.receive(connection), yjs.SyncStep2):
        pass
    await connection.close()


async def write_marker_everywhere(db: Any) -> None:
    """Write it into structures of all kinds, and a rich text, of a collection of their own."""
    notes = await db.collection("page")
    await notes.text("text").append(MARKER)
    await notes.list("list").append(MARKER)
    await notes.dict("dict").set(MARKER, MARKER)
    await notes.set("set").add(MARKER)
    await notes.counted_set("counted").add(MARKER)
    await notes.hash_dict("hashed").set((MARKER, 1), MARKER)
    await notes.xml_fragment("rich").write(f"<p><strong>{MARKER}</strong></p>", "html")


def in_files(folder: Path, word: str = MARKER) -> list[str]:
    """The files below a folder that have the word in them."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [str(file) for file in files if word.encode() in file.read_bytes()]


def in_objects(place: Path, word: str = MARKER) -> list[str]:
    """The objects of a place that have the word in them."""
    store = PlaceObjects(place)
    return [key for key in keys_at(place) if word.encode() in (store.get(key, 0, None) or b"")]
