"""Dictionaries: a Y.Map of str keys, each key last-writer-wins."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping
from typing import Any, ClassVar, cast

from pycrdt import Map

from protobase_live.model.names import check_key
from protobase_live.model.values import to_doc
from protobase_live.structures.arguments import (
    KNOWN_KEY,
    NOTHING,
    VALUE,
    Argument,
    Signature,
    Signatures,
    mapping,
)
from protobase_live.structures.handle import Handle
from protobase_live.structures.kind import Args, Entry, KeyedKind, mapping_differences, put_entry
from protobase_live.structures.nested import plain_entries, plain_entries_at, plain_of
from protobase_live.structures.raw import map_keys, native_entry, opened, raw_entries


def _key(key: Any, where: str) -> str:
    return check_key(key)


def _entries(value: Any, where: str) -> dict[str, Any]:
    entries = mapping(value, where)
    for key in entries:
        check_key(key)
    return entries


_KEY = Argument("key", _key)


class DictKind(KeyedKind):
    """``set(key, value)``, ``update(mapping)``, ``delete(key)`` (absent: nothing), ``clear()``;
    ``get`` (None when absent), ``contains``, ``keys`` (sorted), ``items`` (a dict), ``count``.
    """

    name = "dict"
    shared_type = Map
    actions: ClassVar[Signatures] = {
        "set": Signature(_KEY, VALUE),
        "update": Signature(Argument("mapping", _entries)),
        "delete": Signature(KNOWN_KEY),
        "clear": NOTHING,
    }
    questions: ClassVar[Signatures] = {
        "get": Signature(KNOWN_KEY),
        "contains": Signature(KNOWN_KEY),
        "keys": NOTHING,
        "items": NOTHING,
        "count": NOTHING,
    }
    plain_type = dict
    whole = "items"

    def write(self, shared: Any, action: str, args: Args, replica: str) -> None:
        """See Kind."""
        if action == "delete":
            if args[0] in shared:
                del shared[args[0]]
        elif action == "clear":
            for key in sorted(map_keys(shared)):
                del shared[key]
        else:
            entries = {args[0]: args[1]} if action == "set" else args[0]
            for key, value in entries.items():
                shared[key] = to_doc(value)

    def read(self, shared: Any, method: str, args: Args) -> Any:
        """See Kind."""
        if method == "get":
            with opened(shared) as (raw, txn):
                return plain_of(native_entry(raw, txn, args[0]), txn)
        if method == "contains":
            return args[0] in shared
        if method == "keys":
            return sorted(map_keys(shared))
        return len(shared) if method == "count" else self.plain(shared)

    def plain(self, shared: Any) -> dict[str, Any]:
        """See Kind."""
        with opened(shared) as (raw, txn):
            return plain_entries(raw_entries(raw, txn), txn)

    def fits(self, entries: Mapping[str, Any]) -> bool:
        """See Kind: whatever it is."""
        return True

    def replay(self, value: Any, action: str, args: Args) -> dict[str, Any]:
        """See Kind."""
        given = self._given(value)
        if action == "clear":
            return {}
        if action == "delete":
            return {key: known for key, known in given.items() if key != args[0]}
        return {**given, **({args[0]: args[1]} if action == "set" else args[0])}

    def answer(self, value: Any, method: str, args: Args) -> Any:
        """See Kind."""
        given = self._given(value)
        if method == "get":
            return given.get(args[0])
        if method == "contains":
            return args[0] in given
        if method == "keys":
            return sorted(given)
        return len(given) if method == "count" else {key: given[key] for key in sorted(given)}

    def differences(self, before: Any, after: Any) -> list[Entry]:
        """See Kind."""
        return mapping_differences(self._given(before), self._given(after))

    def refresh(self, shared: Any, plain: Any, keys: Collection[str]) -> list[Entry]:
        """See KeyedKind."""
        return [
            entry
            for key, value, there in plain_entries_at(shared, keys)
            for entry in put_entry(plain, key, value, there=there)
        ]


DICT = DictKind()


class Dict(Handle):
    """A dictionary with str keys; the same key is last-writer-wins."""

    kind = DICT.name
    behaviour = DICT

    def set(self, key: str, value: Any) -> Awaitable[None]:
        """Set one entry."""
        return self._write("set", key, value)

    def update(self, mapping: Mapping[str, Any]) -> Awaitable[None]:
        """Set several entries."""
        return self._write("update", {**mapping} if isinstance(cast(Any, mapping), Mapping) else mapping)

    def delete(self, key: str) -> Awaitable[None]:
        """Remove an entry; one that is not there stays so."""
        return self._write("delete", key)

    def clear(self) -> Awaitable[None]:
        """Remove every entry."""
        return self._write("clear")

    async def get(self, key: str, default: Any = None) -> Any:
        """The value under a key, or ``default``, also where the value is None."""
        value = await self._read("get", key)
        return default if value is None else value

    def contains(self, key: str) -> Awaitable[bool]:
        """Whether there is an entry under the key."""
        return self._read("contains", key)

    def keys(self) -> Awaitable[list[str]]:
        """All keys, sorted."""
        return self._read("keys")

    def items(self) -> Awaitable[dict[str, Any]]:
        """Every entry."""
        return self._read("items")

    def count(self) -> Awaitable[int]:
        """How many entries there are."""
        return self._read("count")
