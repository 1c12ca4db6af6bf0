"""Messages as bytes."""

import pytest

from protobase_storage.commit import Commit, Joint
from protobase_storage.conformance.model import make_commit
from protobase_storage.errors import CollectionCorrupt, StorageFormatError
from protobase_storage.nats.formats import pack_effects, pack_entry, seal, unpack_effects, unpack_entry
from protobase_storage.nats.values import Deleted, Entry, Pieces, Published, Stowed

PIECES = Pieces("id", (3, 4), 1_000_000, 7)

EFFECTS = [
    Deleted(b"remains"),
    Published({"n": 2}, 1.5, b"update", b"remains", 9),
    Published({}, 1.5, PIECES, b""),
    Published({}, 1.5, Stowed("ido", 3, 1_000_000, 7), b""),
    make_commit("a", 1),
    Commit("o", 1, "a", b"u", (), 1.0, {"p": 1}, Joint("j", ("a", "b"))),
]


def test_effects_come_back() -> None:
    assert unpack_effects("a", pack_effects(EFFECTS)) == EFFECTS


def test_messages_come_back() -> None:
    packed = pack_entry(7, b"tag", pack_effects(EFFECTS))
    assert unpack_entry("a", 8, packed) == Entry(7, b"tag", EFFECTS)
    assert unpack_entry("a", 8, pack_entry(7, b"tag", PIECES)) == Entry(7, b"tag", PIECES)


def test_damage_is_noticed() -> None:
    packed = pack_entry(7, b"tag", pack_effects(EFFECTS))
    for place in range(1, len(packed)):
        damaged = packed[:place] + bytes([packed[place] ^ 0xFF]) + packed[place + 1 :]
        with pytest.raises(CollectionCorrupt, match="message 8 is damaged"):
            unpack_entry("a", 8, damaged)
    with pytest.raises(CollectionCorrupt):
        unpack_entry("a", 8, b"")


def test_another_format_is_named() -> None:
    sealed = seal(b"")
    with pytest.raises(StorageFormatError, match="format 2; this release knows 1"):
        unpack_entry("a", 8, bytes((2,)) + sealed[1:])
