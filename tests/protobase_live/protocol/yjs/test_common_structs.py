"""The common structs are read as the walker reads them, struct by struct."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.common_structs import read_common
from protobase_live.protocol.yjs.update_walker import Walker
from tests.support import yjs_encoding as yjs
from tests.support.mutation import mutate
from tests.support.plain_walker import walked_plainly
from tests.support.yjs_encoding import Id, Shared

COMMON = [
    yjs.item(yjs.text("ab"), left=Id(5, 2)),
    yjs.item(yjs.text("ab"), left=Id(5, 2), right=Id(2**53 - 1, 9)),
    yjs.item(yjs.text("x" * 127), right=Id(7, 2**28 - 1)),
    yjs.item(yjs.text("ab"), parent="text"),
    yjs.item(yjs.values("v"), parent="t", key="é"),
    yjs.item(yjs.values(2.5), parent=Id(7, 2)),
    yjs.item(yjs.values(-(2**52)), parent=Id(7, 2), key="k"),
    yjs.item(yjs.values(None), left=Id(5, 1), key="k"),
    yjs.item(yjs.values("x" * 127), parent=Id(7, 2), key=""),
    yjs.item(yjs.shared(Shared.MAP), parent="records", key="k"),
    yjs.item(yjs.shared(Shared.XML_TEXT), parent=Id(7, 2)),
    yjs.item(yjs.deleted(300), left=Id(5, 1)),
    yjs.gc(2**20),
]
UNCOMMON = [
    yjs.item(yjs.text("é"), left=Id(5, 2)),
    yjs.item(yjs.text("x" * 128), left=Id(5, 2)),
    yjs.item(yjs.values(1, 2), left=Id(5, 2)),
    yjs.item(yjs.values({"a": 1}), left=Id(5, 2)),
    yjs.item(yjs.values("é"), parent="t", key="k"),
    yjs.item(yjs.values(1), parent="t", key="k" * 128),
    yjs.item(yjs.embed("{}"), left=Id(5, 2)),
    yjs.item(yjs.shared(Shared.XML_ELEMENT), parent="page"),
    yjs.item(yjs.text("ab"), left=Id(5, 2**28)),
    yjs.skip(3),
]
BEGIN = 400
"""The clock of the first struct: it comes behind all that the structs above build on."""


def read(*structs: yjs.Struct, most: int = 100, cut: int = 0):
    data = b"".join(struct.body for struct in structs)
    return read_common(data[: len(data) - cut], 0, 6, BEGIN, most)


@pytest.mark.parametrize("struct", COMMON)
def test_a_common_struct(struct: yjs.Struct) -> None:
    (found,), end = read(struct, yjs.gc(1), most=1)
    assert found == Walker(struct.body).struct(6, BEGIN)
    assert end == len(struct.body)


@pytest.mark.parametrize("struct", UNCOMMON)
def test_an_uncommon_struct_is_left_alone(struct: yjs.Struct) -> None:
    (first,), end = read(COMMON[0], struct, COMMON[0])
    assert (first.clock, end) == (BEGIN, len(COMMON[0].body))


@pytest.mark.parametrize("struct", COMMON)
def test_a_struct_that_is_cut_off_is_left_alone(struct: yjs.Struct) -> None:
    for cut in range(1, len(struct.body) + 1):
        assert read(struct, cut=cut) == ([], 0)


@pytest.mark.parametrize("place", [{"left": Id(6, BEGIN)}, {"right": Id(6, BEGIN)}, {"parent": Id(6, BEGIN)}])
def test_a_struct_that_builds_on_itself_is_left_alone(place: dict[str, Id]) -> None:
    assert read(yjs.item(yjs.text("a"), **place)) == ([], 0)


def test_no_more_than_asked_for() -> None:
    structs, end = read(*COMMON, most=3)
    assert len(structs) == 3
    assert end == sum(len(struct.body) for struct in COMMON[:3])


@given(st.integers(0, 2**32))
@settings(max_examples=300)
def test_an_update_is_read_as_without_it(seed: int) -> None:
    """The same structs, or the same complaint about the same byte."""
    random = Random(seed)
    blocks = [
        yjs.Block(client, random.choice((0, BEGIN, 2**31 - 9)), random.choices(COMMON + UNCOMMON[:-1], k=6))
        for client in random.sample((5, 6, 7, 2**40), random.randrange(1, 4))
    ]
    update = yjs.update(blocks, {5: [(0, 2)]})
    if random.random() < 0.7:
        update = mutate(update, random, [struct.body for struct in COMMON])
    assert outcome(update, plain=False) == outcome(update, plain=True)


def outcome(update: bytes, *, plain: bool):
    walker = Walker(update)
    try:
        if plain:
            walker = walked_plainly(update)
        else:
            walker.walk()
    except MalformedUpdate as error:
        return str(error)
    return walker.clients, {client: list(ranges) for client, ranges in walker.deletes.items()}
