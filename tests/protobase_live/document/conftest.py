"""Documents, and Yjs clients that write into them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from protobase_live.document import Document


@pytest.fixture
def made() -> Iterator[Callable[..., Document]]:
    """Makes documents that have loaded updates; closes them in the end."""
    documents: list[Document] = []

    def make(*updates: bytes) -> Document:
        document = Document("node")
        documents.append(document)
        for _ in document.load(updates):
            pass
        return document

    yield make
    for document in documents:
        document.close()
