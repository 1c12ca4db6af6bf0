"""How often an address is dialed, and what is told of it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import pytest

from protobase_live.cluster.channel import Channel, Refused, closed
from protobase_live.cluster.dialing import Dialing
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.errors import Closed, ProtoBaseError, Unauthorized, Unavailable
from tests.support.nodes import Connection, Make, Node, settle
from tests.support.pipes import pipe

LIMITS = ClusterLimits()
GONE, REFUSED = Unavailable("nothing listens"), Unauthorized("the other node has another cluster secret")
STEP = 0.1


@pytest.fixture
def dialing() -> Dialing:
    return Dialing("ws://b/peer", LIMITS)


def pauses(dialing: Dialing, error: ProtoBaseError, count: int, took: float = 0.0) -> list[float]:
    found = list[float]()
    for _ in range(count):
        dialing.failed(error, took)
        found.append(dialing.pause())
    return found


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_who_is_not_there_is_dialed_often(dialing: Dialing) -> None:
    assert pauses(dialing, GONE, 5) == [0.1, 0.2, 0.4, 0.5, 0.5]


def test_who_refuses_is_dialed_ever_more_seldom(dialing: Dialing) -> None:
    assert pauses(dialing, REFUSED, 9) == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert pauses(dialing, GONE, 2) == [0.5, 0.5]


def test_a_link_that_was_lost_is_dialed_at_once(dialing: Dialing) -> None:
    pauses(dialing, GONE, 5)
    dialing.met("b")
    assert pauses(dialing, GONE, 1) == [0.1]


def test_links_that_end_each_other_are_dialed_ever_more_seldom(dialing: Dialing) -> None:
    found = list[float]()
    for _ in range(9):
        dialing.met("b")
        found += pauses(dialing, closed(4409, "another connection of a node 'n1'"), 1)
    assert found[-1] == LIMITS.refused_seconds


def test_what_is_wrong_is_told_once(dialing: Dialing, caplog: pytest.LogCaptureFixture) -> None:
    for error in (GONE, GONE, REFUSED, REFUSED):
        dialing.failed(error, 0.0)
        dialing.tell()
    assert told(caplog) == [f"no link to ws://b/peer: {error}" for error in (GONE, REFUSED)]


def test_what_came_right_meanwhile_is_not_told(dialing: Dialing, caplog: pytest.LogCaptureFixture) -> None:
    dialing.failed(closed(4409, "linked already"), 0.0)
    dialing.rest()
    dialing.tell()
    assert told(caplog) == []
    assert dialing.problem is None


def test_after_a_link_over_another_connection_it_is_dialed_at_once(dialing: Dialing) -> None:
    pauses(dialing, REFUSED, 9, took=0.05)
    dialing.rest()
    assert dialing.pause() == LIMITS.redial_seconds
    assert pauses(dialing, GONE, 5)[-1] == LIMITS.redial_seconds_most


def test_what_an_attempt_took_in_vain_is_no_pause_any_more(dialing: Dialing) -> None:
    assert pauses(dialing, GONE, 3, took=0.25) == [0.0, 0.0, pytest.approx(0.15)]
    assert pauses(dialing, GONE, 1, took=LIMITS.meeting_seconds) == [0.0]


def test_how_long_a_link_lasted_shortens_no_pause(dialing: Dialing) -> None:
    dialing.met("b")
    assert pauses(dialing, GONE, 1, took=3_600.0) == [LIMITS.redial_seconds]


def test_which_closes_are_refusals() -> None:
    assert isinstance(closed(4401, "no"), Refused)
    assert not isinstance(closed(1001, "bye"), Refused)
    assert isinstance(closed(1001, "bye"), Closed)


async def run(seconds: float, *nodes: Node) -> None:
    """Let time pass, at all nodes alike."""
    for _ in range(int(seconds / STEP)):
        for node in nodes:
            await node.clock.advance(STEP)


class Address:
    """Where a node is dialed."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.dialed = 0
        self._served: list[asyncio.Task[None]] = []

    async def dial(self) -> Channel:
        self.dialed += 1
        one, other = pipe()
        self._served.append(asyncio.create_task(self._serve(other)))
        return one

    async def _serve(self, end: Channel) -> None:
        with suppress(ProtoBaseError):
            await self.node.cluster.serve(end, dialed=False)


async def test_a_mistake_ends_no_dialing(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    a, b = make("a"), make("b")
    address, left = Address(b), [UnicodeError("label empty or too long"), KeyError("k")]

    async def dial() -> Channel:
        if left:
            raise left.pop(0)
        return await address.dial()

    a.cluster.dial([("ws://b/peer", dial)])
    await run(1, a, b)
    assert a.cluster.linked == ("b",)
    assert [each.partition(" (")[0] for each in told(caplog)] == [
        "no link to ws://b/peer: this node failed: UnicodeError: label empty or too long",
        "no link to ws://b/peer: this node failed: KeyError: 'k'",
    ]


async def test_two_nodes_of_one_id_that_are_dialed(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    a = make("a")
    doubles = [make("b"), make("b")]
    addresses = {f"ws://{n}/peer": Address(node) for n, node in enumerate(doubles)}
    a.cluster.dial([(url, address.dial) for url, address in addresses.items()])
    await run(30, a, *doubles)
    assert a.cluster.linked == ("b",)
    once, again = sorted(address.dialed for address in addresses.values())
    assert once == 1
    assert 5 < again < 15
    (only,) = told(caplog)
    assert "another address leads to a node 'b', too" in only


async def test_two_nodes_of_one_id_that_dial(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    b = make("b")
    doubles, addresses = [make("a"), make("a")], [Address(b), Address(b)]
    for node, address in zip(doubles, addresses, strict=True):
        node.cluster.dial([("ws://b/peer", address.dial)])
    await run(30, *doubles, b)
    assert all(address.dialed < 15 for address in addresses)
    assert len(told(caplog)) == 2
    assert all("another connection of a node 'a' has taken its place" in each for each in told(caplog))


async def test_who_was_linked_by_the_other_one_dials_when_that_ends(make: Make) -> None:
    a, b = make("a"), make("b")
    connection, address = Connection(a, b), Address(a)
    await settle(lambda: b.cluster.linked)
    b.cluster.dial([("ws://a/peer", address.dial)])
    await run(10, a, b)
    assert address.dialed == 1
    await connection.cut()
    await b.clock.advance(LIMITS.redial_seconds)
    await settle(lambda: b.cluster.linked)
    assert address.dialed == 2


async def test_two_nodes_that_dial_each_other_come_to_rest(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = make("a"), make("b")
    to_a, to_b = Address(a), Address(b)
    a.cluster.dial([("ws://b/peer", to_b.dial)])
    b.cluster.dial([("ws://a/peer", to_a.dial)])
    await settle(lambda: a.cluster.linked and b.cluster.linked)
    await run(10, a, b)
    assert (to_a.dialed, to_b.dialed) == (1, 1)
    assert told(caplog) == []
