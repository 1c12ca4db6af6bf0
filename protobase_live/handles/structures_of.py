"""The structures of a collection, by kind and name."""

from __future__ import annotations

from typing import Any, TypeVar

from protobase_live.model.names import known_structure
from protobase_live.model.operations import Port, Target
from protobase_live.structures import (
    CountedSet,
    Counter,
    Dict,
    Handle,
    HashDict,
    List,
    Set,
    Text,
    XmlFragment,
)

H = TypeVar("H", bound=Handle)


class Structures:
    """Opens named structures. A structure exists from its first write on and keeps its kind.

    Each method returns the handle at once; awaiting the handle opens it, which raises KindMismatch if
    the structure is of another kind. The first write makes it, which takes a name that is a path like a
    collection's (InvalidName); what a Yjs client has made can have any name but a reserved one.
    """

    def __init__(self, port: Port, name: str) -> None:
        self._port = port
        self._name = name

    def dict(self, name: str) -> Dict:
        """A dictionary with str keys."""
        return self._structure(Dict, name)

    def list(self, name: str) -> List[Any]:
        """A sequence."""
        return self._structure(List[Any], name)

    def set(self, name: str) -> Set[Any]:
        """A set in which a concurrent add wins over a remove."""
        return self._structure(Set[Any], name)

    def counted_set(self, name: str) -> CountedSet[Any]:
        """A multiset."""
        return self._structure(CountedSet[Any], name)

    def hash_dict(self, name: str) -> HashDict:
        """A dictionary with any hashable atom as a key."""
        return self._structure(HashDict, name)

    def counter(self, name: str) -> Counter:
        """A number that adds up what is added concurrently."""
        return self._structure(Counter, name)

    def text(self, name: str) -> Text:
        """A collaborative text."""
        return self._structure(Text, name)

    def xml_fragment(self, name: str) -> XmlFragment:
        """A tree of XML elements, as rich-text editors keep."""
        return self._structure(XmlFragment, name)

    def _structure(self, handle: type[H], name: str) -> H:
        return handle(self._port, self._name, Target(handle.kind, (known_structure(name),)))
