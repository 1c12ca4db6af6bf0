"""What must be the same on all nodes when nothing is wrong any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pycrdt import Doc, Map, Text

from protobase_live.collection.former import History, history_of
from protobase_live.model.names import is_internal
from protobase_live.protocol.yjs.state_vector import decode_state_vector
from protobase_live.testing import Node, World
from tests.simulation.editor import NOTES, ROOT

Standing = tuple[History, Mapping[str, int]]

EVERY_SECONDS = 0.05
"""How often nodes are compared while they come to agree."""


async def standings(node: Node) -> dict[str, Standing]:
    """How far each collection is on a node's disk, and which history of it."""
    found = {
        each.collection: each for each in await node.disk.standings() if not is_internal(each.collection)
    }
    return {name: (history_of(each.remains), dict(each.vector)) for name, each in found.items()}


async def come_to_agree(world: World, nodes: Sequence[Node], within: float) -> float:
    """Wait until all nodes have the same histories and commits; how long it took, in seconds.

    Raises AssertionError after ``within`` seconds.
    """
    began = world.clock.monotonic()
    while True:
        found = [await standings(node) for node in nodes]
        took = world.clock.monotonic() - began
        if all(node.is_serving for node in nodes) and all(each == found[0] for each in found):
            return took
        assert took < within, f"after {took:.2f} s nodes differ: {_differences(nodes, found)}"
        await world.clock.sleep(EVERY_SECONDS)


async def content(node: Node, collection: str) -> tuple[dict[str, Any], str, dict[int, int]]:
    """The records and the text of what is stored, and its state vector, as pycrdt has them."""
    document: Doc = Doc()
    for update in (await node.disk.load(collection)).updates:
        document.apply_update(update)
    records, notes = document.get(ROOT, type=Map), document.get(NOTES, type=Text)
    return records.to_py() or {}, str(notes), dict(decode_state_vector(document.get_state()))


async def check_equal(nodes: Sequence[Node], collections: Sequence[str]) -> None:
    """Whether all nodes store and show the same. Raises AssertionError."""
    for name in collections:
        stored = [await content(node, name) for node in nodes]
        assert all(each == stored[0] for each in stored), f"{name}: the nodes store different documents"
        hashes = [await node.database.state_hash(name) for node in nodes]
        assert all(each == hashes[0] for each in hashes), f"{name}: the nodes show different states"
        for node in nodes:
            shown = await (await node.database.collection(name)).items()
            assert shown == stored[0][0], f"{name}: {node.host} shows what is not stored"


def _differences(nodes: Sequence[Node], found: Sequence[Mapping[str, Standing]]) -> list[str]:
    names = sorted({name for each in found for name in each})
    return [
        f"{name}: "
        + ", ".join(f"{node.host} {each.get(name)}" for node, each in zip(nodes, found, strict=True))
        for name in names
        if any(each.get(name) != found[0].get(name) for each in found)
    ]
