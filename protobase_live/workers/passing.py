"""Handing connections over from one process to another."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

_TOKEN = b"\x01"


def hand_over(channel: socket.socket, client: socket.socket) -> bool:
    """Give a connection to whoever has the other end of a channel, which does not block; False: no room.

    Raises OSError where nobody has it. The connection is closed here if it was given away.
    """
    try:
        socket.send_fds(channel, [_TOKEN], [client.fileno()])
    except BlockingIOError:
        return False
    client.close()
    return True


def take_back(channel: socket.socket) -> Iterator[socket.socket]:
    """The connections that wait at the other end of a channel, which does not block; whose it was is gone."""
    with suppress(OSError):
        while True:
            said, found, _, _ = socket.recv_fds(channel, 1, 1)
            if not said:
                return
            yield from (socket.socket(fileno=each) for each in found)


class PassedSockets(socket.socket):
    """A listening socket whose connections were accepted elsewhere: `hand_over` gives them to it."""

    def __init__(self, fileno: int, address: Any) -> None:
        """``fileno`` is the channel; ``address`` is where clients have connected to."""
        super().__init__(fileno=fileno)
        self._address = address

    def listen(self, backlog: int = 0, /) -> None:
        """Somebody else does."""

    def getsockname(self) -> Any:
        """Where clients have connected to."""
        return self._address

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection and the address of the client. Raises OSError as other sockets do."""
        os.close(os.dup(self.fileno()))  # where there is no descriptor left, the connection stays in line
        _, found, _, _ = socket.recv_fds(self, 1, 1)
        if not found:
            raise ConnectionAbortedError("there is no connection")
        client = socket.socket(fileno=found[0])
        try:
            return client, client.getpeername()
        except OSError as error:
            with suppress(OSError):
                client.close()
            raise ConnectionAbortedError("the client has gone") from error
