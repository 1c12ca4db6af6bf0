"""XML fragments: a Y.XmlFragment, the tree that rich-text editors keep (`protobase_live.rich_text`)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, ClassVar

from pycrdt import XmlFragment as SharedXmlFragment

from protobase_live.errors import ValidationError
from protobase_live.model.values import short
from protobase_live.rich_text import (
    PROSEMIRROR_JSON,
    TIPTAP,
    Node,
    Tree,
    check_document,
    document_of,
    element_tree,
    ids_of,
    is_lexical,
    is_of_blocknote,
    read_form,
    require_dialect,
    text_tree,
    trees_of,
    with_free_ids,
    write_form,
)
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
from protobase_live.structures.xml_text import render
from protobase_live.structures.xml_trees import children_of, put, replace

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


_NOT_LEXICAL = (
    "the fragment is Lexical's, which keeps documents in another shape; write it from an editor, such as a "
    "headless one of @lexical/headless with @lexical/yjs"
)

_DOCUMENT = Argument("document", check_document)


class XmlFragmentKind(Kind):
    """``insert_element(index, tag, attributes, text)``, ``delete(index, count)``; ``replace(document)``,
    which is ProseMirror JSON, and ``append(document)``; ``value()`` (the source), ``count()``,
    ``document()``, and ``children()``, the trees that plain values are.
    """

    name = "xml_fragment"
    shared_type = SharedXmlFragment
    actions: ClassVar[Signatures] = {
        "insert_element": Signature(
            INDEX, Argument("tag", _name), Argument("attributes", _attributes, {}), Argument("text", text, "")
        ),
        "delete": Signature(INDEX, Argument("count", natural, 1)),
        "replace": Signature(_DOCUMENT),
        "append": Signature(_DOCUMENT),
    }
    questions: ClassVar[Signatures] = {
        "value": NOTHING, "children": NOTHING, "count": NOTHING, "document": NOTHING
    }  # fmt: skip
    plain_type = list
    whole = "children"

    def check(self, action: str, args: Args, method: str | None = None) -> Args:
        """See Kind."""
        if action == "insert_text":
            raise ValidationError(_NO_TEXT)
        return super().check(action, args, method)

    def rehearse(self, shared: Any, state: Any, action: str, args: Args) -> int:
        """See Kind; the state is the number of children, or the least that there can be."""
        length: int = state if state is not None else 0 if shared is None else len(shared.children)
        if action in _OF_DOCUMENTS:
            _require_fit(self.plain(shared) if length and shared is not None else [], args[0])
            return _length_after(action, length, args[0])
        deleted = args[1] if action == "delete" else 0
        require_range(f"{self.name}.{action}", args[0], deleted, length)
        return length - deleted if action == "delete" else length + 1

    def write(self, shared: Any, action: str, args: Args, replica: str) -> None:
        """See Kind."""
        if action == "delete":
            del shared.children[args[0] : args[0] + args[1]]
        elif action == "replace":
            replace(shared, self.plain(shared), trees_of(args[0]))
        elif action == "append":
            parent, trees = shared, trees_of(args[0])
            # Read only where it matters: it may be long.
            current = self.plain(shared) if is_of_blocknote(args[0]) else []
            if (blocks := _for_group(current, args[0])) is not None:
                parent, trees = shared.children[0], blocks
            for tree in trees:
                put(parent, len(parent.children), tree)
        else:
            put(shared, args[0], _element(*args[1:]))

    def plain(self, shared: Any) -> list[Tree]:
        """See Kind."""
        return children_of(shared)

    def replay(self, value: Any, action: str, args: Args) -> list[Tree]:
        """See Kind."""
        given = self._given(value)
        if action in _OF_DOCUMENTS:
            _require_fit(given, args[0])
            return _replayed(given, action, args[0])
        self.rehearse(None, len(given), action, args)
        index = args[0]
        if action == "delete":
            return [*given[:index], *given[index + args[1] :]]
        return [*given[:index], _element(*args[1:]), *given[index:]]

    def answer(self, value: Any, method: str, args: Args) -> Any:
        """See Kind."""
        given = self._given(value)
        if method == "document":
            return document_of(given)
        if method == "count":
            return len(given)
        return _source(given) if method == "value" else given

    def differences(self, before: Any, after: Any) -> list[Entry]:
        """See Kind: the whole source."""
        return whole_difference(_source(before or []), _source(after or []))


_OF_DOCUMENTS = ("replace", "append")


def _source(trees: Sequence[Tree]) -> str:
    return "".join(map(render, trees))


def _element(tag: str, attributes: Mapping[str, str], content: str) -> Tree:
    return element_tree(tag, attributes, [text_tree([[content, {}]])] if content else [])


def _require_fit(current: Sequence[Tree], document: Node) -> None:
    """Raise ValidationError where an editor of what is there would drop what is written."""
    if is_lexical(current):
        raise ValidationError(_NOT_LEXICAL)
    require_dialect(document_of(current), document)


def _length_after(action: str, length: int, document: Node) -> int:
    if action == "replace":
        return len(trees_of(document))
    return max(length, 1) if is_of_blocknote(document) else length + len(trees_of(document))


def _for_group(current: Sequence[Tree], document: Node) -> list[Tree] | None:
    """What goes into the one group that BlockNote's document is; None where that is not appended to."""
    found = document_of(current)
    if not (is_of_blocknote(document) and is_of_blocknote(found)):
        return None
    return trees_of(with_free_ids(document, ids_of(found)))[0]["children"]


def _replayed(given: list[Tree], action: str, document: Node) -> list[Tree]:
    if action == "replace":
        return trees_of(document)
    blocks = _for_group(given, document)
    if blocks is None:
        return [*given, *trees_of(document)]
    return [{**given[0], "children": [*given[0]["children"], *blocks]}]


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

    async def read(self, form: str = PROSEMIRROR_JSON) -> Any:
        """The document: as ProseMirror JSON, what `editor.getJSON()` gives but for attributes that are
        null; or as ``"html"``, ``"markdown"`` or ``"text"``, a str.

        Raises ValidationError for another form.
        """
        return write_form(await self._read("document"), form)

    def write(self, content: Any, form: str = PROSEMIRROR_JSON, dialect: str = TIPTAP) -> Awaitable[None]:
        """Make the document what ``content`` in a form says, by a small difference; open editors show it.

        ``dialect`` says for which editor other forms than ProseMirror JSON are put into nodes:
        ``"tiptap"``, ``"prosemirror"`` or ``"blocknote"``. Raises ValidationError for what is none, or
        would make the editor drop it; LimitExceeded.
        """
        return self._write("replace", read_form(content, form, dialect), method="write")

    def append(self, content: Any, form: str = PROSEMIRROR_JSON, dialect: str = TIPTAP) -> Awaitable[None]:
        """Add blocks at the end of the document; the rest as in `write`."""
        return self._write("append", read_form(content, form, dialect))

    def count(self) -> Awaitable[int]:
        """How many children there are."""
        return self._read("count")
