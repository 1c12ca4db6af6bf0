"""Which node a collection is best opened at."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.cluster.placement import MAX_ADDRESS_BYTES, check_address, preferred
from protobase_live.errors import ValidationError
from protobase_live.model.node_status import MemberStatus

COLLECTIONS = [f"boards/{number}" for number in range(2000)]


def node(name: str) -> MemberStatus:
    return MemberStatus(name, f"ws://{name}")


names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=16)
nodes = st.lists(names.map(node), min_size=1, max_size=8, unique=True)
collections = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=30)


@given(nodes, names, collections, st.randoms())
def test_who_comes_or_goes_changes_only_his_share(
    there: list[MemberStatus], name: str, asked: list[str], random: Random
) -> None:
    new = node(name)
    without = [each for each in there if each != new]
    shuffled = sorted([*without, new], key=lambda each: random.random())
    for collection in asked:
        before, after = preferred(collection, without), preferred(collection, shuffled)
        assert after in (before, new)
        assert preferred(collection, reversed(shuffled)) == after, "whatever their order"


@given(nodes, collections)
def test_who_has_no_address_takes_no_part(there: list[MemberStatus], asked: list[str]) -> None:
    hidden = [MemberStatus(each.node, "") for each in there]
    for collection in asked:
        assert preferred(collection, hidden) is None
        assert preferred(collection, [*hidden, there[0]]) == there[0]


def test_shares_are_about_the_same() -> None:
    there = [node(f"n{number}") for number in range(5)]
    shares = Counter(preferred(each, there) for each in COLLECTIONS)
    assert set(shares) == set(there)
    assert all(320 < share < 480 for share in shares.values())


def test_the_hash_is_as_written() -> None:
    there = [node("n1"), node("n2"), node("n3")]
    for collection in ("tasks", "boards/42", "größe"):
        weights = {
            each.node: int.from_bytes(
                blake2b(collection.encode("utf-8"), key=each.node.encode("utf-8"), digest_size=8).digest(),
                "big",
            )
            for each in there
        }
        assert preferred(collection, there) == node(max(weights, key=weights.__getitem__))
    asked = ("tasks", "notes", "users", "boards/42")
    assert [preferred(each, there) for each in asked] == [node(name) for name in ("n3", "n1", "n1", "n1")]


def test_two_that_are_called_the_same_are_told_apart_by_their_addresses() -> None:
    twins = [MemberStatus("n", "ws://a"), MemberStatus("n", "ws://b")]
    assert preferred("tasks", twins) == preferred("tasks", twins[::-1]) == twins[1]


@pytest.mark.parametrize("url", ["", "ws://n1", "wss://n1.example.com:8765/live", "https://[::1]:8765/app"])
def test_addresses(url: str) -> None:
    assert check_address(url) == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("n1.example.com:8765", "no address of a node; write it like wss://n1.example.com"),
        ("ftp://n1", "no address"),
        ("ws://", "no address"),
        ("ws://n1:99999", "no address"),
        ("ws://[n1", "no address"),
        ("ws://" + "a" * MAX_ADDRESS_BYTES, "no address"),
        ("ws://ann:secret@n1", "no password"),
        ("ws://n1/live?token=secret", "no query"),
    ],
)
def test_what_is_no_address(url: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        check_address(url)
