"""Texts in UTF-16 units, as JavaScript has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.protocol.yjs.structs.texts import Units, cut_pairs

texts = st.text("aé日😀🦊", max_size=12)


def units_of(text: str) -> list[bytes]:
    units = text.encode("utf-16-le")
    return [units[at : at + 2] for at in range(0, len(units), 2)]


@given(texts, st.integers(0, 24), st.integers(0, 24))
def test_a_part_is_what_a_slice_of_the_units_is(text: str, start: int, end: int) -> None:
    """Half a pair is U+FFFD, so that as many units come out."""
    units = units_of(text)
    start, end = sorted((min(start, len(units)), min(end, len(units))))
    part = Units(text.encode()).part(start, end).decode()
    assert part == b"".join(units[start:end]).decode("utf-16-le", "replace")
    assert len(units_of(part)) == end - start


@given(texts, st.lists(st.integers(1, 24), max_size=5))
def test_cutting_at_places(text: str, places: list[int]) -> None:
    units = units_of(text)
    whole, cut = cut_pairs(text.encode(), places)
    assert cut == [at for at in sorted(set(places)) if at < len(units) and in_pair(units, at)]
    bounds = [0, *cut, len(units)]
    parts = [Units(text.encode()).part(*bounds[at : at + 2]) for at in range(len(bounds) - 1)]
    assert whole == b"".join(parts)
    assert len(units_of(whole.decode())) == len(units)


def in_pair(units: list[bytes], at: int) -> bool:
    return 0xD8 <= units[at - 1][1] < 0xDC


@pytest.mark.parametrize(
    ("text", "places", "becomes", "cut"),
    [
        ("😀", [1], "\ufffd\ufffd", [1]),
        ("😀😀", [2], "😀😀", []),
        ("x😀y🦊", [2, 5, 2], "x\ufffd\ufffdy\ufffd\ufffd", [2, 5]),
        ("\ufffd\ufffd", [1], "\ufffd\ufffd", []),
        ("ab", [0, 1, 2], "ab", []),
    ],
)
def test_where_a_pair_is_cut(text: str, places: list[int], becomes: str, cut: list[int]) -> None:
    assert cut_pairs(text.encode(), places) == (becomes.encode(), cut)
