"""A document made anew shows the same, and has nothing of what was deleted."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from protobase_live.document import Document
from protobase_live.protocol.steps import at_once
from protobase_live.protocol.yjs.structs import Structs, erased

SECRET = b"0123456789abcdef"
KEPT = 2**16
ROOTS = {"records": Map, "body": Text, "list": Array, "page": XmlFragment}


def remade(updates: list[bytes], key: str | None = None) -> bytes:
    return erased(updates, None if key is None else ("records", key), SECRET, KEPT)


def state_hash(*updates: bytes) -> str:
    document = Document("node")
    at_once(document.load(updates))
    return at_once(document.hash_in_steps())


class Editor:
    """A Yjs client that edits at random."""

    def __init__(self, id: int) -> None:
        self.doc: Doc[Any] = Doc(client_id=id)
        self.roots: dict[str, Any] = {name: self.doc.get(name, type=kind) for name, kind in ROOTS.items()}

    def edit(self, random: Random) -> None:
        """One edit of one of the roots."""
        kind = random.choice(["record", "field", "delete", "type", "cut", "format", "list", "page"])
        getattr(self, kind)(random)

    def record(self, random: Random) -> None:
        fields = {"title": f"title {random.random()}", "body": Text(f"text {random.random()}"), "n": 1}
        self.roots["records"][f"k{random.randrange(6)}"] = Map(fields)

    def field(self, random: Random) -> None:
        for record in list(self.roots["records"].values())[:2]:
            record["title"] = f"again {random.random()}"
            record["body"] += f" more {random.random()}"

    def delete(self, random: Random) -> None:
        key = f"k{random.randrange(6)}"
        if key in self.roots["records"]:
            del self.roots["records"][key]

    def type(self, random: Random) -> None:
        body = self.roots["body"]
        body.insert(random.randint(0, len(body)), f"typed {random.random()} ")

    def cut(self, random: Random) -> None:
        if (size := len(self.roots["body"])) > 4:
            start = random.randrange(size - 3)
            del self.roots["body"][start : start + 3]

    def format(self, random: Random) -> None:
        if (size := len(self.roots["body"])) > 4:
            self.roots["body"].format(0, random.randrange(1, size), {"bold": True})

    def list(self, random: Random) -> None:
        rows = self.roots["list"]
        rows.insert(random.randint(0, len(rows)), Map({"row": random.random()}))
        if len(rows) > 4:
            del rows[random.randrange(len(rows))]

    def page(self, random: Random) -> None:
        children = self.roots["page"].children
        children.insert(random.randint(0, len(children)), XmlElement("p", {"a": "1"}, [XmlText("xml")]))
        if len(children) > 3:
            del children[random.randrange(len(children))]


def session(seed: int) -> list[bytes]:
    """What three clients did, two of them apart from each other for a while."""
    random = Random(seed)
    editors = [Editor(id) for id in (random.getrandbits(32), random.getrandbits(32), 7)]
    for _ in range(30):
        for editor in editors:
            editor.edit(random)
        one, other = random.sample(editors, 2)
        one.doc.apply_update(other.doc.get_update(one.doc.get_state()))
    return [editor.doc.get_update() for editor in editors]


def clients(update: bytes) -> dict[int, int]:
    structs = Structs()
    assert structs.take(update) is None
    return dict(structs.vector)


@pytest.mark.parametrize("seed", range(20))
def test_it_shows_the_same(seed: int) -> None:
    updates = session(seed)
    again = remade(updates)
    assert state_hash(again) == state_hash(*updates)
    former, new = clients_of(updates), clients(again)
    assert {id for id in former if id < KEPT} >= {id for id in new if id < KEPT}
    assert not {id for id in former if id >= KEPT} & set(new)
    assert sum(new.values()) <= sum(former.values())


def clients_of(updates: list[bytes]) -> dict[int, int]:
    found: dict[int, int] = {}
    for update in updates:
        for client, clock in clients(update).items():
            found[client] = max(found.get(client, 0), clock)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_without_a_record_it_shows_the_others(seed: int) -> None:
    updates = session(seed)
    whole: Doc[Any] = Doc()
    records = whole.get("records", type=Map)
    for update in updates:
        whole.apply_update(update)
    if "k1" in records:
        del records["k1"]
    again = remade(updates, "k1")
    assert state_hash(again) == state_hash(whole.get_update())
    assert b"k1" not in again


def test_nothing_of_what_was_deleted_is_left() -> None:
    editor = Editor(2**31)
    editor.roots["records"]["secret-key"] = Map({"title": "secret title", "body": Text("secret text")})
    editor.roots["records"]["t1"] = Map({"title": "secret before", "secret-field": 1})
    editor.roots["records"]["t1"]["title"] = "kept"
    del editor.roots["records"]["t1"]["secret-field"]
    editor.roots["body"] += "kept secret kept"
    del editor.roots["body"][5:12]
    again = remade([editor.doc.get_update()], "secret-key")
    assert b"secret" not in again
    assert b"kept" in again
    assert remade([editor.doc.get_update()], "secret-key") == again


def test_what_waits_is_left_out() -> None:
    editor, updates = Editor(2**31), []
    subscription = editor.doc.observe(lambda event: updates.append(event.update))
    editor.roots["body"] += "first"
    editor.roots["body"].insert(0, "secret")
    editor.doc.unobserve(subscription)
    assert b"secret" not in remade(updates[1:])


def test_templates_keep_their_ids_and_clocks() -> None:
    editor = Editor(7)
    editor.roots["records"]["template"] = Map({"title": "secret"})
    editor.roots["records"]["kept"] = Map({"title": "kept"})
    again = remade([editor.doc.get_update()], "template")
    assert clients(again) == clients(editor.doc.get_update())
    page: Doc[Any] = Doc()
    page.apply_update(again)
    page.apply_update(editor.doc.get_update())
    assert list(page.get("records", type=Map).keys()) == ["kept"]


def test_of_two_keys_with_one_number_only_the_one_that_is_named_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "protobase_live.protocol.yjs.structs.logs.Logs.key_number", staticmethod(lambda key: 1)
    )
    editor = Editor(2**31)
    for key in ("a", "b"):
        editor.roots["records"][key] = Map({"title": "first"})
        editor.roots["records"][key] = Map({"title": f"title of {key}"})
    again = remade([editor.doc.get_update()], "a")
    assert b"title of b" in again
    assert b"title of a" not in again
