"""Which nodes are there, as they say of themselves."""

from __future__ import annotations

from protobase_actors import ManualClock
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.members import ANSWER_SECONDS, TOPIC, WORD_BYTES, Members
from protobase_live.model.node_status import MemberStatus
from protobase_live.protocol.packing import pack
from tests.support.said import SaidChannel

LIMITS = ClusterLimits(nodes=4)
SIGN_SECONDS = LIMITS.node_seconds / 4


class World:
    """Nodes that hear each other."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.ends: list[SaidChannel] = []

    def node(self, seat: str, node: str | None = None, address: str = "") -> Members:
        """One more."""
        own = MemberStatus(node or seat, address)
        return Members(seat, own, SaidChannel(self.ends), LIMITS, self.clock)

    async def settle(self) -> None:
        """New ones have been answered."""
        await self.clock.advance(0.0)
        await self.clock.advance(ANSWER_SECONDS)


def names(members: Members) -> list[str]:
    return [each.node for each in members.others]


async def test_those_who_come_and_those_who_are_there_hear_of_each_other() -> None:
    world = World()
    a, b = world.node("a"), world.node("b", address="ws://b/live")
    await world.settle()
    assert (names(a), names(b)) == (["b"], ["a"])
    assert a.others == [MemberStatus("b", "ws://b/live")]
    c = world.node("c")
    await world.settle()
    assert (names(a), names(b), names(c)) == (["b", "c"], ["a", "c"], ["a", "b"])


async def test_who_goes_says_so() -> None:
    world = World()
    a, b = world.node("a"), world.node("b")
    await world.settle()
    b.close()
    assert names(a) == []
    await world.clock.advance(2 * LIMITS.node_seconds)
    assert (names(a), names(b)) == ([], ["a"])


async def test_who_says_nothing_any_more_is_gone_after_a_while_and_comes_back() -> None:
    world = World()
    a, _ = world.node("a"), world.node("b")
    await world.settle()
    world.ends[1].is_cut = True
    await world.clock.advance(LIMITS.node_seconds - ANSWER_SECONDS)
    assert names(a) == ["b"]
    await world.clock.advance(SIGN_SECONDS)
    assert names(a) == []
    world.ends[1].is_cut = False
    for tell in world.ends[1].tells:
        tell()
    await world.settle()
    assert names(a) == ["b"]


async def test_who_goes_on_is_there_however_long() -> None:
    world = World()
    a, _ = world.node("a"), world.node("b")
    for _ in range(20):
        await world.clock.advance(SIGN_SECONDS)
        assert names(a) == ["b"]


async def test_many_new_ones_are_answered_once() -> None:
    world = World()
    world.node("a")
    await world.settle()
    said: list[bytes] = []
    SaidChannel(world.ends).listen(TOPIC, said.append)
    for seat in "xyz":
        world.ends[0].heard[TOPIC](pack([seat, seat, "", 1]))
    await world.settle()
    assert said == [pack(["a", "a", "", 1])]


async def test_two_that_are_called_the_same_are_two() -> None:
    world = World()
    a, _, _ = world.node("a"), world.node("b", "twin"), world.node("c", "twin")
    await world.settle()
    assert names(a) == ["twin", "twin"]


async def test_more_than_are_known_of_are_left_out() -> None:
    world = World()
    nodes = [world.node(f"n{number}") for number in range(LIMITS.nodes + 2)]
    await world.settle()
    assert [len(each.others) for each in nodes] == [LIMITS.nodes - 1] * len(nodes)


async def test_what_is_not_understood_is_ignored() -> None:
    world = World()
    a = world.node("a")
    await world.settle()
    words: tuple[bytes, ...] = (
        b"\xc1",
        pack(1),
        pack("abcd"),
        pack([1, "b", "", 1]),
        pack(["b", "b", "", -1]),
    )
    words += (pack(["b", "b/b", "", 1]), pack(["b", "b", "nowhere", 1]))
    for data in (*words, pack(["b", "b", "a" * WORD_BYTES, 1])):
        world.ends[0].heard[TOPIC](data)
    assert names(a) == []


async def test_an_address_is_told_and_taken_back_at_once() -> None:
    world = World()
    a, b = world.node("a"), world.node("b")
    await world.settle()
    b.advertise("ws://b")
    assert a.others == [MemberStatus("b", "ws://b")]
    assert b.everyone == [MemberStatus("b", "ws://b"), MemberStatus("a", "")]
    b.advertise("")
    assert a.others == [MemberStatus("b", "")]
    b.close()
    b.advertise("ws://b")
    assert a.others == []
