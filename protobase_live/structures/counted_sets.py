"""Counted sets (multisets): how often each element is there adds up.

A flat Y.Map: the entry ``key_text(element)|replica`` holds what the replica has added less what it has
removed, so nobody writes another's entry. The count of an element is the sum of its entries, but never
below zero: two replicas may concurrently remove the same last one. Who adds one after that makes up for what
lacks, so that it is there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar, cast

from pycrdt import Map

from protobase_live.errors import ValidationError
from protobase_live.model.values import check_atom, key_text, short, text_key, to_doc
from protobase_live.structures.arguments import (
    ELEMENT,
    MAX_ELEMENTS,
    NOTHING,
    Argument,
    Signature,
    Signatures,
    positive,
)
from protobase_live.structures.counters import COUNTER, whole_number
from protobase_live.structures.handle import Handle
from protobase_live.structures.kept_keys import KeptKeys
from protobase_live.structures.kind import MARK, Args, Entry, KeyedKind
from protobase_live.structures.raw import map_entries, native_entry, opened
from protobase_live.structures.sets import SEPARATOR, are_elements, decoded, entries_of, named
from protobase_live.structures.twins import Stored, TwinnedKind, held

T = TypeVar("T")

_N = Argument("n", positive, 1)


class CountedSetKind(TwinnedKind, KeyedKind):
    """``add(element, n)``, ``remove(element, n)``; ``count_of``, ``items``, ``count`` (all together).

    Removing more than there is removes all there is. Plain values are dicts of element -> count, where
    elements that Python calls equal are one, as in a SetKind, with the counts of all of them.
    """

    name = "counted_set"
    shared_type = Map
    actions: ClassVar[Signatures] = {"add": Signature(ELEMENT, _N), "remove": Signature(ELEMENT, _N)}
    questions: ClassVar[Signatures] = {"count_of": Signature(ELEMENT), "items": NOTHING, "count": NOTHING}
    plain_type = dict
    whole = "items"

    def write(self, shared: Any, action: str, args: Args, replica: str) -> None:
        """See Kind."""
        element, n = args
        text = key_text(element)
        known = _sum(shared, entries_of(shared, {text}))
        wanted = max(0, known) + (n if action == "add" else -n)
        _become(shared, text, known, wanted, replica)

    def read(self, shared: Any, method: str, args: Args) -> Any:
        """See Kind."""
        if method == "count_of":
            return _count_of(shared, key_text(args[0]))
        if method == "count":  # no element has to be read for it
            return sum(_counts(map_entries(shared)).values())
        return super().read(shared, method, args)

    def kept(self, shared: Any) -> KeptKeys:
        """See Kind."""
        return KeptKeys(shared, SEPARATOR)

    def plain(self, shared: Any) -> dict[Any, int]:
        """See Kind."""
        return self.plain_entries(map_entries(shared))

    def plain_entries(self, entries: Mapping[str, Any]) -> dict[Any, int]:
        """The counts of a counted set with these native entries."""
        return self.shown(_counts(entries))

    def fits(self, entries: Mapping[str, Any]) -> bool:
        """See Kind: every key names an element and who counted it, every entry is a whole number."""
        return COUNTER.fits(entries) and are_elements(entries)

    def replay(self, value: Any, action: str, args: Args) -> dict[Any, int]:
        """See Kind."""
        if self.meets_twins(value, args):
            return self.shown(self.replay_stored(self.stored_of(value), action, args))
        given = self._given(value)
        element, n = args
        count = given.get(element, 0) + (n if action == "add" else -n)
        others = {each: known for each, known in given.items() if each != element}
        return {**others, element: count} if count > 0 else others

    def elements(self, args: Args) -> Args:
        """See TwinnedKind."""
        return args[:1]

    def stored(self, shared: Any) -> Stored:
        """See TwinnedKind."""
        return _counts(map_entries(shared))

    def stored_of(self, plain: Any) -> Stored:
        """See TwinnedKind."""
        return {key_text(element): count for element, count in self._given(plain).items()}

    def shown(self, stored: Stored) -> dict[Any, int]:
        """See TwinnedKind."""
        return _together(stored, sorted(stored))

    def replay_stored(self, stored: Stored, action: str, args: Args) -> Stored:
        """See TwinnedKind."""
        text, n = key_text(args[0]), args[1]
        count = stored.get(text, 0) + (n if action == "add" else -n)
        others = {each: known for each, known in stored.items() if each != text}
        return {**others, text: count} if count > 0 else others

    def answer(self, value: Any, method: str, args: Args) -> Any:
        """See Kind."""
        given = self._given(value)
        if method == "count_of":
            return given.get(args[0], 0)
        if method == "count":
            return sum(given.values())
        return [[element, given[element]] for element in sorted(given, key=key_text)]

    def restore(self, answer: Any) -> dict[Any, int]:
        """See Kind."""
        return {check_atom(element, "an element"): count for element, count in answer}

    def differences(self, before: Any, after: Any) -> list[Entry]:
        """See Kind: an element is its own key, with its count."""
        old, new = self._given(before), self._given(after)
        changed = {element for element, _ in old.items() ^ new.items()}
        there = [element for element in new if element in changed]  # of True and 1, the one that is there now
        gone = [element for element in old if element in changed and element not in new]
        return [(e, old.get(e), new.get(e)) for e in sorted(there + gone, key=key_text)]

    def refresh(self, shared: Any, plain: Any, keys: Collection[str]) -> list[Entry] | None:
        """See KeyedKind."""
        if (elements := named(keys, plain)) is None:
            return None
        found: list[Entry] = []
        for element, texts in elements.items():
            there = {text: count for text in texts if (count := _count_of(shared, text))}
            was = held(plain, element, texts) if element in plain else None
            before = plain.pop(element, None)
            plain.update(_together(there, there))
            if before != (after := plain.get(element)):
                found.append((text_key(next(iter(there))) if there else was, before, after))
        return sorted(found, key=lambda entry: key_text(entry[0]))

    def empty(self) -> Map[Any]:
        """See FieldKind."""
        return Map({MARK: self.name})

    def check_value(self, value: Any, where: str) -> dict[Any, int]:
        """See FieldKind."""
        if not isinstance(value, dict):
            raise ValidationError(f"{where} is {short(value)}; expected a dict of element to count")
        counts = cast("dict[Any, Any]", value)
        if len(counts) > MAX_ELEMENTS:
            raise ValidationError(f"{where} has {len(counts)} elements; at most {MAX_ELEMENTS} are allowed")
        return {
            check_atom(element, f"{where}: an element"): positive(count, f"{where}[{short(element)}]")
            for element, count in counts.items()
        }

    def assign(self, shared: Any, value: Any, replica: str) -> None:
        """See FieldKind."""
        known = _sums(map_entries(shared))
        wanted = {key_text(element): count for element, count in value.items()}
        for text in sorted(known.keys() | wanted.keys()):
            _become(shared, text, known.get(text, 0), wanted.get(text, 0), replica)


def _become(shared: Any, text: str, known: int, wanted: int, replica: str) -> None:
    """Have an element whose entries add up to ``known`` there so often as is wanted, by the replica's own.

    What lacks is made up for in nobody's name: who does that at once writes the same, and it counts once.
    """
    if more := max(0, wanted) - max(0, known):
        _grow(shared, text + SEPARATOR, -min(0, known))
        _grow(shared, text + SEPARATOR + replica, more)


def _grow(shared: Any, key: str, n: int) -> None:
    if n:
        shared[key] = to_doc(_sum(shared, [key]) + n)


def _sum(shared: Any, keys: Iterable[str]) -> int:
    """What the entries under these keys add up to."""
    with opened(shared) as (raw, txn):
        return sum(whole_number(native_entry(raw, txn, key)) for key in keys)


def _count_of(shared: Any, text: str) -> int:
    """How often the element with this text is there."""
    return max(0, _sum(shared, entries_of(shared, {text})))


def _together(counts: Mapping[str, int], texts: Iterable[str]) -> dict[Any, int]:
    """The elements with these texts; those that Python calls equal are one, with what they have together."""
    found: dict[Any, int] = {}
    for text, element in decoded(texts):
        found[element] = found.get(element, 0) + counts[text]
    return found


def _counts(entries: Mapping[str, Any]) -> dict[str, int]:
    """What is there, by the element's text."""
    return {text: count for text, count in _sums(entries).items() if count > 0}


def _sums(entries: Mapping[str, Any]) -> dict[str, int]:
    """What the entries of each element add up to, by its text."""
    sums: dict[str, int] = {}
    for key, total in entries.items():
        text, separator, _ = key.partition(SEPARATOR)
        if separator:
            sums[text] = sums.get(text, 0) + whole_number(total)
    return sums


COUNTED_SET = CountedSetKind()


class CountedSet(Handle, Generic[T]):
    """A multiset: how often each element is there adds up. Elements are atoms."""

    kind = COUNTED_SET.name
    behaviour = COUNTED_SET

    def add(self, element: T, n: int = 1) -> Awaitable[None]:
        """Add the element ``n`` times."""
        return self._write("add", self._element(element), n)

    def remove(self, element: T, n: int = 1) -> Awaitable[None]:
        """Remove the element ``n`` times, or as often as it is there."""
        return self._write("remove", element, n)

    def count_of(self, element: T) -> Awaitable[int]:
        """How often the element is there."""
        return self._read("count_of", element)

    async def items(self) -> dict[T, int]:
        """Every element and how often it is there."""
        return COUNTED_SET.restore(await self._read("items"))

    def count(self) -> Awaitable[int]:
        """How many elements there are, each as often as it is there."""
        return self._read("count")
