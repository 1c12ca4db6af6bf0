"""BlockNote's documents: one group of blocks, each a container of what it is and, nested, of a group.

Where TipTap nests lists, BlockNote has list items in a row, which belong together because they follow each
other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count, groupby
from typing import Any

from protobase_live.errors import ValidationError
from protobase_live.model.values import digest, short
from protobase_live.rich_text.document import TEXT_BLOCKS, Node, attribute, content_of, every_name, node

BLOCK_GROUP, CONTAINER = "blockGroup", "blockContainer"

_RIGHT = (
    "BlockNote's document is {'type': 'doc', 'content': [blockGroup]}; a blockGroup holds blockContainers, "
    "and each of these one block, such as a paragraph, and then a blockGroup where blocks are nested in it"
)


def require_blocks(document: Node) -> None:
    """Raise ValidationError for blocks of BlockNote that are put together as its editor drops them."""
    if not {BLOCK_GROUP, CONTAINER} & set(every_name(document)):
        return
    if [each["type"] for each in content_of(document)] != [BLOCK_GROUP]:
        raise ValidationError(f"the document holds other things than one blockGroup. {_RIGHT}")
    _require(document, "doc")
    _require_ids(document, set())


def _require(found: Node, where: str) -> None:
    inside = [each["type"] for each in content_of(found)]
    if not _FITS.get(found["type"], lambda inside: True)(inside):
        raise ValidationError(f"{where} holds {inside}. {_RIGHT}")
    for at, each in enumerate(content_of(found)):
        _require(each, f"{where}.content[{at}]")


def _fit_in_group(inside: list[str]) -> bool:
    return bool(inside) and all(each in (CONTAINER, "columnList") for each in inside)


def _fit_in_container(inside: list[str]) -> bool:
    return bool(inside) and inside[0] != BLOCK_GROUP and inside[1:] in ([], [BLOCK_GROUP])


_FITS: Mapping[str, Callable[[list[str]], bool]] = {
    BLOCK_GROUP: _fit_in_group,
    CONTAINER: _fit_in_container,
}


def _require_ids(found: Node, taken: set[Any]) -> None:
    if found["type"] == CONTAINER:
        id: Any = attribute(found, "id")
        if not isinstance(id, str) or id in taken:
            raise ValidationError(
                f"a blockContainer has the id {short(id)}; each needs one of its own, a str, else every open "
                "editor gives it another one"
            )
        taken.add(id)
    for each in content_of(found):
        _require_ids(each, taken)


# in TipTap's words

_LISTS = {
    "bulletListItem": "bulletList",
    "toggleListItem": "bulletList",
    "numberedListItem": "orderedList",
    "checkListItem": "taskList",
}


def nested_of(document: Node) -> Node:
    """A document of BlockNote in TipTap's words: list items in lists; what is nested elsewhere follows."""
    return {"type": "doc", "content": _nested(content_of(document))}


def _nested(groups: Iterable[Node]) -> list[Node]:
    containers = list(_containers(groups))
    found: list[Node] = []
    for kind, run in groupby(containers, key=lambda each: _LISTS.get(_block(each)["type"])):
        members = list(run)
        if kind is None:
            found += [each for member in members for each in _plain(member)]
        else:
            start = attribute(_block(members[0]), "start") if kind == "orderedList" else None
            found.append(node(kind, {"start": start}, [_item(each, kind) for each in members]))
    return found


def _containers(nodes: Iterable[Node]) -> Iterator[Node]:
    """All containers of groups, and of the columns that may be around them."""
    for each in nodes:
        if each["type"] == CONTAINER and content_of(each):
            yield each
        elif each["type"] != CONTAINER:
            yield from _containers(content_of(each))


def _block(container: Node) -> Node:
    return content_of(container)[0]


def _item(container: Node, kind: str) -> Node:
    block = _block(container)
    inside = [node("paragraph", None, content_of(block)), *_nested(content_of(container)[1:])]
    if kind == "taskList":
        return node("taskItem", {"checked": attribute(block, "checked", False)}, inside)
    return node("listItem", None, inside)


def _plain(container: Node) -> list[Node]:
    block = _block(container)
    make = _TO_TIPTAP.get(block["type"])
    return [make(block) if make else block, *_nested(content_of(container)[1:])]


def _table(block: Node) -> Node:
    return node("table", None, [_row(each) for each in content_of(block)])


def _row(row: Node) -> Node:
    return node("tableRow", None, [_cell(each) for each in content_of(row)])


def _cell(cell: Node) -> Node:
    attrs = {name: attribute(cell, name) for name in ("colspan", "rowspan")}
    return node(cell["type"], attrs, [node("paragraph", None, content_of(each)) for each in content_of(cell)])


def _image(block: Node) -> Node:
    alt = attribute(block, "caption") or attribute(block, "name") or None
    return node("image", {"src": attribute(block, "url"), "alt": alt})


_TO_TIPTAP: Mapping[str, Callable[[Node], Node]] = {
    "paragraph": lambda block: node("paragraph", None, content_of(block)),
    "heading": lambda block: node("heading", {"level": attribute(block, "level", 1)}, content_of(block)),
    "quote": lambda block: node("blockquote", None, [node("paragraph", None, content_of(block))]),
    "codeBlock": lambda block: node(
        "codeBlock", {"language": attribute(block, "language")}, content_of(block)
    ),
    "divider": lambda block: node("horizontalRule"),
    "image": _image,
    "table": _table,
}


# and back


def blocks_of(document: Node) -> Node:
    """A document in TipTap's words as BlockNote has it.

    A block's id is a hash of what it is, so that blocks which are written again unchanged stay as they are.
    """
    blocks = [each for found in content_of(document) for each in _blocks(found)]
    group = _identified(node(BLOCK_GROUP, None, blocks), Counter())
    return {"type": "doc", "content": [group] if blocks else []}


def with_free_ids(found: Node, taken: set[str]) -> Node:
    """The same blocks, of which none has an id that is taken. ``taken`` grows by theirs."""
    inside = [with_free_ids(each, taken) for each in content_of(found)]
    id: Any = attribute(found, "id")
    if found["type"] != CONTAINER or id is None:
        return node(found["type"], found.get("attrs"), inside) if inside else found
    free = next(each for n in count() if (each := _numbered(id, n)) not in taken)
    taken.add(free)
    return node(CONTAINER, {**found["attrs"], "id": free}, inside)


def ids_of(found: Node) -> set[Any]:
    """The ids of all blocks."""
    own = {attribute(found, "id")} if found["type"] == CONTAINER else set[Any]()
    return own.union(*map(ids_of, content_of(found)))


def _identified(found: Node, times: Counter[str]) -> Node:
    inside = [_identified(each, times) for each in content_of(found)]
    if found["type"] != CONTAINER:
        return node(found["type"], found.get("attrs"), inside) if inside else found
    id = digest(inside).hex()
    times[id] += 1
    return node(CONTAINER, {"id": _numbered(id, times[id] - 1)}, inside)


def _numbered(id: Any, number: int) -> Any:
    """The id of the block that would be the n-th with this one."""
    return id if number == 0 else digest([id, number]).hex()


def _blocks(found: Node) -> Iterator[Node]:
    kind = found["type"]
    if kind in _ITEMS:
        for at, item in enumerate(content_of(found)):
            yield _list_block(_ITEMS[kind], found if at == 0 else None, item)
    elif kind == "blockquote":
        for each in content_of(found):
            yield from (
                [_container(node("quote", None, content_of(each)))]
                if each["type"] == "paragraph"
                else _blocks(each)
            )
    else:
        make = _TO_BLOCKNOTE.get(kind)
        yield _container(make(found) if make else found)


def _list_block(kind: str, starts: Node | None, item: Node) -> Node:
    first, *others = content_of(item)
    attrs: dict[str, Any] = {}
    if kind == "checkListItem":
        attrs["checked"] = bool(attribute(item, "checked"))
    if kind == "numberedListItem" and starts is not None:
        attrs["start"] = attribute(starts, "start")
    nested = [each for other in others for each in _blocks(other)]
    return _container(node(kind, attrs, content_of(first)), nested)


def _container(block: Node, nested: Sequence[Node] = ()) -> Node:
    inside = [block, *([node(BLOCK_GROUP, None, nested)] if nested else [])]
    return node(CONTAINER, None, inside)


def _image_block(found: Node) -> Node:
    return node("image", {"url": attribute(found, "src"), "caption": attribute(found, "alt")})


def _table_block(found: Node) -> Node:
    return node("table", None, [_row_block(each) for each in content_of(found)])


def _row_block(row: Node) -> Node:
    return node("tableRow", None, [_cell_block(each) for each in content_of(row)])


def _cell_block(cell: Node) -> Node:
    """A cell holds texts and nothing else."""
    texts = [each for inside in content_of(cell) for each in _texts(inside)] or [node("paragraph")]
    inside = [node("tableParagraph", None, content_of(each)) for each in texts]
    return node(cell["type"], cell.get("attrs"), inside)


def _texts(found: Node) -> Iterator[Node]:
    """The blocks of text in a block."""
    if found["type"] in TEXT_BLOCKS:
        yield found
    else:
        for each in content_of(found):
            yield from _texts(each)


_ITEMS = {"bulletList": "bulletListItem", "orderedList": "numberedListItem", "taskList": "checkListItem"}

_TO_BLOCKNOTE: Mapping[str, Callable[[Node], Node]] = {
    "horizontalRule": lambda found: node("divider"),
    "image": _image_block,
    "table": _table_block,
}
