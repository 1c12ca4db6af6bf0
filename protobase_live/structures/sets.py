"""Sets in which a concurrent add wins over a remove.

An OR-set in a flat Y.Map: the entry ``key_text(element)|replica`` says that the replica added the element.
Adding writes the replica's own entry anew, even if the element is there; removing deletes every entry of
the element that is seen. So an add that the remove did not see keeps its entry.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar, cast

from pycrdt import Map

from protobase_live.errors import ValidationError
from protobase_live.model.values import check_atom, key_text, require_unlike, short, text_key
from protobase_live.structures.arguments import ELEMENT, MAX_ELEMENTS, NOTHING, Signature, Signatures
from protobase_live.structures.handle import Handle
from protobase_live.structures.kept_keys import KeptKeys
from protobase_live.structures.kind import MARK, Args, Entry, KeyedKind
from protobase_live.structures.raw import map_keys
from protobase_live.structures.twins import Stored, TwinnedKind, held, twin_texts

T = TypeVar("T")

SEPARATOR = "|"
"""Between an element's text and the replica in the key of an entry."""


class SetKind(TwinnedKind, KeyedKind):
    """``add(*elements)``, ``remove(*elements)``, ``clear()``; ``contains``, ``values``, ``count``.

    Plain values are Python sets, where elements that Python calls equal (True and 1, an instant in two zones)
    are one: it comes with the first of them and goes with the last.
    """

    name = "set"
    shared_type = Map
    actions: ClassVar[Signatures] = {
        "add": Signature(ELEMENT, many=True),
        "remove": Signature(ELEMENT, many=True),
        "clear": NOTHING,
    }
    questions: ClassVar[Signatures] = {"contains": Signature(ELEMENT), "values": NOTHING, "count": NOTHING}
    plain_type = set
    whole = "values"

    def write(self, shared: Any, action: str, args: Args, replica: str) -> None:
        """See Kind."""
        if action == "add":
            for element in args:
                shared[key_text(element) + SEPARATOR + replica] = True
        elif action == "remove":
            _delete(shared, entries_of(shared, {key_text(element) for element in args}))
        else:
            _delete(shared, [key for key in map_keys(shared) if key != MARK])

    def read(self, shared: Any, method: str, args: Args) -> Any:
        """See Kind."""
        if method == "contains":
            return bool(entries_of(shared, {key_text(args[0])}))
        elements = _elements(map_keys(shared))
        return elements if method == "values" else len(elements)

    def plain(self, shared: Any) -> set[Any]:
        """See Kind."""
        return self.plain_entries(map_keys(shared))

    def plain_entries(self, keys: Iterable[str]) -> set[Any]:
        """The elements of a set whose entries have these keys."""
        return set(_elements(keys))

    def fits(self, entries: Mapping[str, Any]) -> bool:
        """See Kind: every key names an element and who added it."""
        return all(value is True for value in entries.values()) and are_elements(entries)

    def replay(self, value: Any, action: str, args: Args) -> set[Any]:
        """See Kind."""
        if self.meets_twins(value, args):
            return self.shown(self.replay_stored(self.stored_of(value), action, args))
        given = self._given(value)
        if action == "add":
            return given | set(args)
        return given - set(args) if action == "remove" else set()

    def elements(self, args: Args) -> Args:
        """See TwinnedKind."""
        return args

    def stored(self, shared: Any) -> Stored:
        """See TwinnedKind."""
        return dict.fromkeys(_texts(map_keys(shared)), 1)

    def stored_of(self, plain: Any) -> Stored:
        """See TwinnedKind."""
        return dict.fromkeys(map(key_text, self._given(plain)), 1)

    def shown(self, stored: Stored) -> set[Any]:
        """See TwinnedKind."""
        return {element for _, element in decoded(sorted(stored))}

    def replay_stored(self, stored: Stored, action: str, args: Args) -> Stored:
        """See TwinnedKind."""
        texts = set(map(key_text, args))
        if action == "add":
            return {**stored, **dict.fromkeys(texts, 1)}
        return {text: 1 for text in stored if text not in texts} if action == "remove" else {}

    def answer(self, value: Any, method: str, args: Args) -> Any:
        """See Kind."""
        given = self._given(value)
        if method == "contains":
            return args[0] in given
        return sorted(given, key=key_text) if method == "values" else len(given)

    def restore(self, answer: Any) -> set[Any]:
        """See Kind."""
        return {check_atom(element, "an element") for element in answer}

    def differences(self, before: Any, after: Any) -> list[Entry]:
        """See Kind: an element is its own key, with True where it is there."""
        old, new = self._given(before), self._given(after)
        found = [(e, True, None) for e in old - new] + [(e, None, True) for e in new - old]
        return sorted(found, key=lambda entry: key_text(entry[0]))

    def refresh(self, shared: Any, plain: Any, keys: Collection[str]) -> list[Entry] | None:
        """See KeyedKind."""
        if (elements := named(keys, plain)) is None:
            return None
        found: list[Entry] = []
        for element, texts in elements.items():
            there = [text for text in texts if entries_of(shared, {text})]
            was = held(plain, element, texts) if element in plain else None
            if (element in plain) != bool(there):
                found.append((text_key(there[0]), None, True) if there else (was, True, None))
            plain.discard(element)
            plain.update(text_key(text) for text in there[:1])
        return sorted(found, key=lambda entry: key_text(entry[0]))

    def kept(self, shared: Any) -> KeptKeys:
        """See Kind."""
        return KeptKeys(shared, SEPARATOR)

    def empty(self) -> Map[Any]:
        """See FieldKind."""
        return Map({MARK: self.name})

    def check_value(self, value: Any, where: str) -> set[Any]:
        """See FieldKind."""
        if not isinstance(value, (set, frozenset, list, tuple)):
            raise ValidationError(f"{where} is {short(value)}; expected a set")
        elements = cast("set[Any]", value)
        if len(elements) > MAX_ELEMENTS:
            raise ValidationError(f"{where} has {len(elements)} elements; at most {MAX_ELEMENTS} are allowed")
        checked = [check_atom(element, f"{where}: an element") for element in elements]
        require_unlike(checked, f"{where}: elements")
        return set(checked)

    def assign(self, shared: Any, value: Any, replica: str) -> None:
        """See FieldKind."""
        current = {key_text(element): element for element in _elements(map_keys(shared))}
        wanted = {key_text(element): element for element in value}
        self.write(shared, "remove", tuple(current[text] for text in current.keys() - wanted.keys()), replica)
        self.write(
            shared, "add", tuple(wanted[text] for text in sorted(wanted.keys() - current.keys())), replica
        )


def _delete(shared: Any, keys: Iterable[str]) -> None:
    for key in sorted(keys):
        del shared[key]


def entries_of(shared: Any, texts: Collection[str]) -> list[str]:
    """The keys of the entries of the elements with these texts."""
    if isinstance(shared, KeptKeys):
        return [key for text in texts for key in shared.beginning_with(text)]
    return [key for key in map_keys(shared) if key.partition(SEPARATOR)[0] in texts and SEPARATOR in key]


def _elements(keys: Iterable[str]) -> list[Any]:
    """The elements of entries with these keys, sorted by key_text; what is no entry is left out."""
    return [element for _, element in decoded(sorted(_texts(keys)))]


def _texts(keys: Iterable[str]) -> set[str]:
    """The texts of the elements that entries with these keys are of."""
    return {text for text, separator, _ in (key.partition(SEPARATOR) for key in keys) if separator}


def named(keys: Iterable[str], plain: Collection[Any]) -> dict[Any, list[str]] | None:
    """The elements that entries with these keys are of, each with the texts of all atoms that equal it and
    may be there: where none in ``plain`` equals it none was there, so these keys name all of them.

    None where they are too many.
    """
    texts = _texts(keys)
    found: dict[Any, list[str]] = {}
    for text, element in decoded(sorted(texts)):
        twins = twin_texts(element)
        if twins is None and element in plain:
            return None
        found[element] = sorted({text, *(twins or found.get(element, ()))})
    return found


def decoded(texts: Iterable[str]) -> Iterable[tuple[str, Any]]:
    """Each text with its atom; those that a Yjs client wrote and that name none are left out."""
    for text in texts:
        try:
            yield text, text_key(text)
        except ValidationError:
            continue


def are_elements(keys: Collection[str]) -> bool:
    """Whether each key is the text of an atom, the separator, and a replica."""
    parts = [key.partition(SEPARATOR) for key in keys if key != MARK]
    named = list(decoded(text for text, separator, _ in parts if separator))
    return len(named) == len(parts)


SET = SetKind()


class Set(Handle, Generic[T]):
    """A set in which a concurrent add wins over a remove. Elements are atoms.

    True and 1 are two elements, of which `values`, a Python set, has one.
    """

    kind = SET.name
    behaviour = SET

    def add(self, *elements: T) -> Awaitable[None]:
        """Add elements."""
        return self._write("add", *map(self._element, elements))

    def remove(self, *elements: T) -> Awaitable[None]:
        """Remove elements; one that is not there stays so."""
        return self._write("remove", *elements)

    def clear(self) -> Awaitable[None]:
        """Remove every element."""
        return self._write("clear")

    def contains(self, element: T) -> Awaitable[bool]:
        """Whether the element is there."""
        return self._read("contains", element)

    async def values(self) -> set[T]:
        """All elements."""
        return SET.restore(await self._read("values"))

    def count(self) -> Awaitable[int]:
        """How many elements there are."""
        return self._read("count")
