"""Hash dictionaries: any atom may be a key, each key last-writer-wins.

A Y.Map of key_text(key) -> value.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping
from typing import Any, ClassVar, Final

from pycrdt import Map

from protobase_live.model.values import check_atom, key_text, text_key, to_doc
from protobase_live.structures.arguments import NOTHING, VALUE, Argument, Signature, Signatures
from protobase_live.structures.handle import Handle
from protobase_live.structures.kind import Args, Entry, KeyedKind, mapping_differences, put_entry
from protobase_live.structures.nested import plain_entries_at, plain_of
from protobase_live.structures.raw import map_keys, native_entry, opened, raw_entries
from protobase_live.structures.sets import decoded

_KEY: Final = Argument("key", check_atom)


class HashDictKind(KeyedKind):
    """``set(key, value)``, ``delete(key)`` (absent: nothing), ``clear()``;
    ``get`` (None when absent), ``contains``, ``items`` ([[key, value], ...] sorted by key_text), ``count``.

    Plain values are dicts of key_text -> value: Python takes True and 1 for the same key.
    """

    name = "hash_dict"
    shared_type = Map
    actions: ClassVar[Signatures] = {
        "set": Signature(_KEY, VALUE),
        "delete": Signature(_KEY),
        "clear": NOTHING,
    }
    questions: ClassVar[Signatures] = {
        "get": Signature(_KEY),
        "contains": Signature(_KEY),
        "items": NOTHING,
        "count": NOTHING,
    }
    plain_type = dict
    whole = "items"

    def write(self, shared: Any, action: str, args: Args, replica: str) -> None:
        """See Kind."""
        if action == "clear":
            for text in sorted(map_keys(shared)):
                del shared[text]
            return
        text = key_text(args[0])
        if action == "set":
            shared[text] = to_doc(args[1])
        elif text in shared:
            del shared[text]

    def read(self, shared: Any, method: str, args: Args) -> Any:
        """See Kind."""
        if method == "get":
            text = key_text(args[0])
            with opened(shared) as (raw, txn):
                return plain_of(native_entry(raw, txn, text), txn)
        if method == "contains":
            return key_text(args[0]) in shared
        return self.answer(self.plain(shared), method, args)

    def plain(self, shared: Any) -> dict[str, Any]:
        """See Kind."""
        with opened(shared) as (raw, txn):
            entries = raw_entries(raw, txn)
            return {text: plain_of(entries[text], txn) for text, _ in decoded(entries)}

    def fits(self, entries: Mapping[str, Any]) -> bool:
        """See Kind: every key is an atom's text."""
        return len(list(decoded(entries))) == len(entries)

    def replay(self, value: Any, action: str, args: Args) -> dict[str, Any]:
        """See Kind."""
        given = self._given(value)
        if action == "clear":
            return {}
        text = key_text(args[0])
        if action == "set":
            return {**given, text: args[1]}
        return {each: known for each, known in given.items() if each != text}

    def answer(self, value: Any, method: str, args: Args) -> Any:
        """See Kind."""
        given = self._given(value)
        if method == "get":
            return given.get(key_text(args[0]))
        if method == "contains":
            return key_text(args[0]) in given
        return len(given) if method == "count" else [[text_key(text), given[text]] for text in sorted(given)]

    def restore(self, answer: Any) -> dict[str, Any]:
        """See Kind."""
        return {key_text(key): value for key, value in answer}

    def differences(self, before: Any, after: Any) -> list[Entry]:
        """See Kind."""
        found = mapping_differences(self._given(before), self._given(after))
        return [(text_key(text), one, other) for text, one, other in found]

    def refresh(self, shared: Any, plain: Any, keys: Collection[str]) -> list[Entry]:
        """See KeyedKind."""
        atoms = dict(decoded(keys))
        return [
            (atoms[text], before, after)
            for key, value, there in plain_entries_at(shared, atoms)
            for text, before, after in put_entry(plain, key, value, there=there)
        ]


HASH_DICT = HashDictKind()


class HashDict(Handle):
    """A dictionary with any atom as a key; the same key is last-writer-wins."""

    kind = HASH_DICT.name
    behaviour = HASH_DICT

    def set(self, key: Any, value: Any) -> Awaitable[None]:
        """Set one entry."""
        return self._write("set", key, value)

    def delete(self, key: Any) -> Awaitable[None]:
        """Remove an entry; one that is not there stays so."""
        return self._write("delete", key)

    def clear(self) -> Awaitable[None]:
        """Remove every entry."""
        return self._write("clear")

    async def get(self, key: Any, default: Any = None) -> Any:
        """The value under a key, or ``default``, also where the value is None."""
        value = await self._read("get", key)
        return default if value is None else value

    def contains(self, key: Any) -> Awaitable[bool]:
        """Whether there is an entry under the key."""
        return self._read("contains", key)

    async def items(self) -> dict[Any, Any]:
        """Every entry. Keys that Python calls equal (True and 1) become one."""
        return {check_atom(key, "a key"): value for key, value in await self._read("items")}

    def count(self) -> Awaitable[int]:
        """How many entries there are."""
        return self._read("count")
