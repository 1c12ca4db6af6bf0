"""Sockets by their addresses, and those that say nothing."""

from __future__ import annotations

from typing import Any

import pytest

from protobase_live.errors import Overloaded
from protobase_live.server.arrivals import Arrivals
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.proxies import Proxies
from tests.support.wire import Transport


class Socket(Transport):
    def __init__(self, host: str | None = None) -> None:
        super().__init__()
        self.address: str | None = None
        self.transport = self
        self._host = host
        self.is_cut = self.is_closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._host and (self._host, 1)

    def abort(self) -> None:
        self.is_cut = True

    def close(self) -> None:
        self.is_closed = True


def arrivals(counters: Counters | None = None, **limits: int) -> Arrivals:
    return Arrivals(Proxies(["10.0.0.1"]), ServerLimits(**limits), counters or Counters())


def test_an_address_has_so_many_until_they_are_closed():
    door = arrivals(address_connections=1)
    first, second, other = Socket("192.0.2.7"), Socket("192.0.2.7"), Socket("192.0.2.8")
    door.come(first)
    door.come(other)
    with pytest.raises(Overloaded, match="trusted_proxies"):
        door.come(second)
    door.leave(second)
    door.leave(first)
    door.leave(first)
    door.come(second)
    assert second.address == "192.0.2.7"


def test_a_proxy_has_many_and_those_that_it_forwards_have_so_many():
    door = arrivals(address_connections=1)
    sockets = [Socket("10.0.0.1") for _ in range(3)]
    for socket in sockets:
        door.come(socket)
    door.introduce(sockets[0], "192.0.2.7")
    with pytest.raises(Overloaded):
        door.introduce(sockets[1], "192.0.2.7")
    door.introduce(sockets[2], "192.0.2.8")


def test_who_is_silent_gives_way():
    counters = Counters()
    door = arrivals(counters, silent_connections=2)
    sockets = [Socket() for _ in range(4)]
    for socket in sockets[:2]:
        door.come(socket)
    door.speak(sockets[0])
    for socket in sockets[2:]:
        door.come(socket)
    assert [socket.is_cut for socket in sockets] == [False, True, False, False]
    assert counters.limits["silent_connections"] == 1


def test_who_is_turned_away_is_told_why_and_counted():
    counters, socket = Counters(), Socket()
    socket.reads = True
    arrivals(counters).turn_away(socket, Overloaded("too many"))
    assert socket.written.endswith(b"content-length: 9\r\ncontent-type: text/plain\r\n\r\ntoo many\n")
    assert socket.is_closed
    assert counters.refusals["503"] == 1
