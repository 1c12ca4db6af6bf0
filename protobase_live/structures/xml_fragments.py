"""XML fragments: a Y.XmlFragment, the tree that rich-text editors keep.

Actions work on its children; what is inside an element is for editors to change.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from typing import Any, ClassVar

from pycrdt import XmlElement, XmlText
from pycrdt import XmlFragment as SharedXmlFragment

from protobase_live.errors import ValidationError
from protobase_live.model.values import short
from protobase_live.structures.arguments import (
    INDEX,
    NOTHING,
    Argument,
    Signature,
    Signatures,
    mapping,
    natural,
    text,
)
from protobase_live.structures.handle import Handle
from protobase_live.structures.kind import Args, Entry, Kind, require_range, whole_difference
from protobase_live.structures.raw import opened
from protobase_live.structures.xml_text import element, render, text_source

MAX_NAME_CHARS = 100
"""Longest name of an element or attribute."""

_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


def _name(value: Any, where: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME_CHARS or not _NAME.fullmatch(value):
        raise ValidationError(
            f"{where} is {short(value)}; expected a letter or _, then letters, digits, _, . and -, "
            f"at most {MAX_NAME_CHARS} characters"
        )
    return value


def _attributes(value: Any, where: str) -> dict[str, str]:
    return {
        _name(key, where): text(known, f"{where}[{key!r}]") for key, known in mapping(value, where).items()
    }


_NO_TEXT = (
    "text at the top of a fragment makes rich-text editors drop the document; "
    "use insert_element(index, 'paragraph', text='...')"
)


class XmlFragmentKind(Kind):
    """``insert_element(index, tag, attributes, text)``, ``delete(index, count)``;
    ``value()`` (the source), ``children()`` (the source of each), ``count()``.

    Plain values are the sources of the children.
    """

    name = "xml_fragment"
    shared_type = SharedXmlFragment
    actions: ClassVar[Signatures] = {
        "insert_element": Signature(
            INDEX, Argument("tag", _name), Argument("attributes", _attributes, {}), Argument("text", text, "")
        ),
        "delete": Signature(INDEX, Argument("count", natural, 1)),
    }
    questions: ClassVar[Signatures] = {"value": NOTHING, "children": NOTHING, "count": NOTHING}
    plain_type = list
    whole = "children"

    def check(self, action: str, args: Args) -> Args:
        """See Kind."""
        if action == "insert_text":
            raise ValidationError(_NO_TEXT)
        return super().check(action, args)

    def rehearse(self, shared: Any, state: Any, action: str, args: Args) -> int:
        """See Kind; the state is the number of children."""
        length: int = state if state is not None else 0 if shared is None else len(shared.children)
        deleted = args[1] if action == "delete" else 0
        require_range(f"{self.name}.{action}", args[0], deleted, length)
        return length - deleted if action == "delete" else length + 1

    def write(self, shared: Any, action: str, args: Args, replica: str) -> None:
        """See Kind."""
        index = args[0]
        if action == "delete":
            del shared.children[index : index + args[1]]
        else:
            _, tag, attributes, content = args
            inside = [XmlText(content)] if content else []
            shared.children.insert(index, XmlElement(tag, attributes, inside))

    def plain(self, shared: Any) -> list[str]:
        """See Kind."""
        with opened(shared) as (raw, txn):
            return [render(child, txn) for child in raw.children(txn)]

    def replay(self, value: Any, action: str, args: Args) -> list[str]:
        """See Kind."""
        given = self._given(value)
        self.rehearse(None, len(given), action, args)
        index = args[0]
        if action == "delete":
            return [*given[:index], *given[index + args[1] :]]
        child = element(args[1], args[2], text_source(args[3]))
        return [*given[:index], child, *given[index:]]

    def answer(self, value: Any, method: str, args: Args) -> Any:
        """See Kind."""
        given = self._given(value)
        if method == "count":
            return len(given)
        return "".join(given) if method == "value" else given

    def differences(self, before: Any, after: Any) -> list[Entry]:
        """See Kind: the whole source."""
        return whole_difference("".join(before or []), "".join(after or []))


XML_FRAGMENT = XmlFragmentKind()


class XmlFragment(Handle):
    """A tree of XML elements, as rich-text editors keep; indexes count its children."""

    kind = XML_FRAGMENT.name
    behaviour = XML_FRAGMENT

    def insert_element(
        self, index: int, tag: str, attributes: Mapping[str, str] | None = None, text: str = ""
    ) -> Awaitable[None]:
        """Insert an element, which may hold text, before the child at the index."""
        return self._write("insert_element", index, tag, {**(attributes or {})}, text)

    def insert_text(self, index: int, text: str) -> Awaitable[None]:
        """Raises ValidationError: text stands in elements, see `insert_element`."""
        return self._write("insert_text", index, text)

    def delete(self, index: int, count: int = 1) -> Awaitable[None]:
        """Remove ``count`` children from the index on."""
        return self._write("delete", index, count)

    def value(self) -> Awaitable[str]:
        """The whole as XML source: put between ``<page>`` and ``</page>``, every parser reads it.

        A character that cannot be in a name is a code in it (``a b`` is ``a_x0020_b``), one that XML has not
        is U+FFFD.
        """
        return self._read("value")

    def count(self) -> Awaitable[int]:
        """How many children there are."""
        return self._read("count")
