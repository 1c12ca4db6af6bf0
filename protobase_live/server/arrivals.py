"""The sockets of a server: by the address that they come from, and those that have not said anything yet."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Protocol, cast

from protobase_actors import OrderedSet
from protobase_live.errors import Overloaded
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.places import Places
from protobase_live.server.proxies import Proxies


class Socket(Protocol):
    """What has arrived."""

    address: str | None
    """From where, as it counts; None for what a proxy forwards, before it says for whom, and at the end."""

    @property
    def transport(self) -> asyncio.Transport: ...


class Arrivals:
    """Keeps places for addresses, and cuts off who says nothing while others come."""

    def __init__(self, proxies: Proxies, limits: ServerLimits, counters: Counters) -> None:
        behind_a_proxy = "; a proxy is to be named in trusted_proxies"
        self._places = Places(
            limits.address_connections, "address_connections", counters, advice=behind_a_proxy
        )
        self._proxies = proxies
        self._most_silent = limits.silent_connections
        self._counters = counters
        self._silent: OrderedSet[Socket] = OrderedSet()

    def come(self, socket: Socket) -> None:
        """A socket is open. Raises Overloaded where its address has too many.

        Whoever has been silent for the longest time gives way to it.
        """
        host = _host(socket)
        if not self._proxies.trusts(host):
            self._settle(socket, self._proxies.client(host))
        self._silent.add(socket)
        if len(self._silent) > self._most_silent:
            self._counters.limits.add("silent_connections")
            oldest = next(iter(self._silent))
            self._silent.discard(oldest)
            oldest.transport.abort()

    def turn_away(self, socket: Socket, error: Overloaded) -> None:
        """It cannot come in, and is told why and closed, whatever it wants."""
        self._counters.refused(HTTPStatus.SERVICE_UNAVAILABLE)
        socket.transport.write(_full(error))
        socket.transport.close()

    def speak(self, socket: Socket) -> None:
        """It has said what it wants."""
        self._silent.discard(socket)

    def introduce(self, socket: Socket, forwarded: str) -> None:
        """A proxy has said, by its header, for whom the socket is. Raises Overloaded."""
        if socket.address is None:
            self._settle(socket, self._proxies.client(_host(socket), forwarded))

    def source(self, socket: Socket, forwarded: str) -> str | None:
        """See `Proxies.source`."""
        return self._proxies.source(_host(socket), forwarded)

    def leave(self, socket: Socket) -> None:
        """It is closed. Harmless when that was said."""
        self._silent.discard(socket)
        address, socket.address = socket.address, None
        self._places.give_back(address)

    def _settle(self, socket: Socket, address: str | None) -> None:
        self._places.take(address)
        socket.address = address


def _host(socket: Socket) -> str | None:
    name = cast("tuple[str, int] | str | None", socket.transport.get_extra_info("peername"))
    return name[0] if isinstance(name, tuple) else name


def _full(error: Overloaded) -> bytes:
    said = f"{error}\n".encode()
    head = f"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: {len(said)}\r\n"
    return head.encode() + b"content-type: text/plain\r\n\r\n" + said
