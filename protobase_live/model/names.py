"""What collections, structures, records and fields may be called.

A collection's name is a path such as ``tasks`` or ``boards/42``. It stands in addresses and in storage
names, so it has no empty segment, no ``.`` or ``..`` (browsers resolve those) and no control character.
"""

from __future__ import annotations

import re
from typing import Any

from protobase_live.errors import InvalidName

MAX_NAME_BYTES = 512
"""Longest name of a collection, structure or field, in bytes of UTF-8."""

MAX_KEY_BYTES = 512
"""Longest key of a record, in bytes of UTF-8."""

MAX_NODE_BYTES = 64
"""Longest id of a node, in bytes of UTF-8."""

RECORDS_NAME = "records"
"""The root of a collection's document that holds its records."""

RESERVED_PREFIX = "protobase:"
"""How the names of other roots, and of collections, begin that are not for users to name. Nobody calls one so
by accident."""

KEY_FIELD = "_key"
"""The pseudo-field that stands for a record's key in rows and expressions."""

INTERNAL_PREFIX = "\x01"
"""How the names begin under which a node stores what is its own, and no collection: none can be named so."""

_SPOKEN_AS_VOWELS = ("a", "e", "i", "o", "xml")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def is_internal(name: str) -> bool:
    """Whether what is stored under this name is no collection."""
    return name.startswith(INTERNAL_PREFIX)


def not_internal(name: str) -> str:
    """The name, unless what is stored under it is the node's own and no collection; then InvalidName."""
    if is_internal(name):
        raise InvalidName(
            f"collection name {_short(name)} is of what a node stores for itself; choose another"
        )
    return name


def is_reserved(name: str) -> bool:
    """Whether a collection of this name is the server's own.

    It is stored, replicated, exported and backed up as any other; users neither see it nor come in.
    """
    return name.startswith(RESERVED_PREFIX)


def is_listed(name: str, prefix: str) -> bool:
    """Whether who asks for collections whose names begin with ``prefix`` is told of this one.

    The server's own are told only to who asks for them by such a prefix.
    """
    return not is_internal(name) and (is_reserved(prefix) or not is_reserved(name))


def check_collection(name: Any) -> str:
    """The name, if users may call a collection so; else InvalidName."""
    return not_reserved(known_collection(name))


def not_reserved(collection: str) -> str:
    """The name, unless the collection is the server's own; then InvalidName."""
    if is_reserved(collection):
        raise InvalidName(f"collection name {_short(collection)} is reserved; choose another")
    return collection


def known_collection(name: Any) -> str:
    """The name, if there may be such a collection, which may be the server's own; else InvalidName."""
    return _path("collection name", name)


def check_structure(name: Any) -> str:
    """The name, if a structure of a collection may be called so; else InvalidName."""
    return known_structure(_path("structure name", name))


def known_structure(name: Any) -> str:
    """The name, if there may be such a structure, which a Yjs client may have made; else InvalidName."""
    path = _well_formed("structure name", name)
    if path == RECORDS_NAME or path.startswith(RESERVED_PREFIX):
        raise InvalidName(f"structure name {path!r} is reserved; choose another")
    return path


def check_node(node: Any) -> str:
    """The id, if a node may be called so; else InvalidName."""
    text = _text("node id", node, MAX_NODE_BYTES)
    if "/" in text or _CONTROL.search(text):
        raise InvalidName(f"node id {text!r} has a slash or a control character; choose another")
    return text


def check_key(key: Any) -> str:
    """The key, if a record may have it; else InvalidName."""
    return _text("key", key, MAX_KEY_BYTES)


def check_author(author: Any) -> str | None:
    """The author, if a commit may name it; else InvalidName. None is nobody in particular."""
    return None if author is None else _text("author", author, MAX_NAME_BYTES)


def check_somebody(author: Any) -> str:
    """The author, who is somebody; else InvalidName."""
    return _text("author", author, MAX_NAME_BYTES)


def known_name(name: Any) -> str:
    """The name or key, if something that is stored may have it; else InvalidName.

    Yjs clients give names without these limits: whatever there is can be read, listed and deleted.
    """
    return _well_formed("name or key", name)


def stored_name(name: Any) -> str:
    """`known_name` of a collection, or of the beginning of such names."""
    return _well_formed("collection name", name)


def check_field(name: Any) -> str:
    """The name, if a field of a record may be called so; else InvalidName."""
    text = _text("field name", name, MAX_NAME_BYTES)
    if text == KEY_FIELD:
        raise InvalidName(f"field name {KEY_FIELD!r} is reserved: it stands for the record's key")
    return text


def _path(what: str, name: Any) -> str:
    text = _text(what, name, MAX_NAME_BYTES)
    if found := _CONTROL.search(text):
        raise InvalidName(f"{what} {_short(text)} has the control character {found[0]!r}; use printable text")
    segments = text.split("/")
    if "" in segments:
        raise InvalidName(f"{what} {_short(text)} has an empty segment; write it like 'tasks' or 'boards/42'")
    if "." in segments or ".." in segments:
        raise InvalidName(f"{what} {_short(text)} has a segment '.' or '..', which addresses cannot carry")
    return text


def _text(what: str, text: Any, limit: int) -> str:
    if not _well_formed(what, text):
        raise InvalidName(f"{with_article(what)} is a non-empty str")
    size = len(text.encode())
    if size > limit:
        raise InvalidName(f"{what} {_short(text)} has {size} bytes of UTF-8; at most {limit} are allowed")
    return text


def with_article(what: str) -> str:
    """A noun for messages: ``a node id``, ``an author``."""
    return f"{'an' if what.startswith(_SPOKEN_AS_VOWELS) else 'a'} {what}"


def _well_formed(what: str, text: Any) -> str:
    if not isinstance(text, str):
        raise InvalidName(f"{with_article(what)} is a str, not {_short(text)} ({type(text).__name__})")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidName(f"{what} {_short(text)} has a lone surrogate; use well-formed Unicode") from error
    return text


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
