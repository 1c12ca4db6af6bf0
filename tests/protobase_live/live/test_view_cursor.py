"""Cursors of live queries."""

from __future__ import annotations

import pytest

from protobase_live.errors import ValidationError
from protobase_live.live.view_cursor import decode_cursor, encode_cursor
from protobase_live.model.cursor import START


def test_there_and_back() -> None:
    text = encode_cursor("q", {"tasks": {"n1": 3}, "users": {}})
    assert decode_cursor("q", text) == {"tasks": {"n1": 3}, "users": {}}


def test_another_query_s() -> None:
    assert decode_cursor("other", encode_cursor("q", {"tasks": {"n1": 3}})) is None


@pytest.mark.parametrize("text", ["", "x", START, "/" * 8, "a" * 70_000, encode_cursor("q", {})[:-3]])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValidationError, match="not a live query's cursor"):
        decode_cursor("q", text)
