"""What the tests of clusters share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.nodes import Make, Node


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Makes nodes, and closes them."""
    made: list[Node] = []

    def node(name: str, **how: Any) -> Node:
        made.append(Node(name, **how))
        return made[-1]

    yield node
    for each in made:
        await each.close()
