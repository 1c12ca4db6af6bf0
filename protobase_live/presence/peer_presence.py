"""The presence of a peer: what one link to another node tells and is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from protobase_live.errors import ProtocolError
from protobase_live.presence.node_words import NODES, Part

Send = Callable[[Mapping[str, bytes]], None]
"""Takes what a peer is told, by collection. All of it arrives, in order, or the link ends; must not raise."""


class Passed(NamedTuple):
    """A word to pass on, and the link that it came through, None for a word of this node."""

    part: Part
    source: PeerPresence | None


class Exchange(Protocol):
    """What all links of a node have in common."""

    def take(self, link: PeerPresence, payloads: Mapping[str, bytes]) -> None:
        """Take in what came through a link."""
        ...

    def unlink(self, link: PeerPresence) -> None:
        """A link is gone."""
        ...

    def wake(self) -> None:
        """There is something to tell."""
        ...


class PeerPresence:
    """Presence over one link to another node: give `apply` what its ``send`` is given at the other end."""

    def __init__(self, exchange: Exchange, name: str, send: Send, piece_bytes: int) -> None:
        """``name`` is the other node's, for errors."""
        self._exchange = exchange
        self._name = name
        self._send = send
        self._piece_bytes = piece_bytes
        self._held = False
        self._ended = False
        self.far: int | None = None
        """The other node's number, once it has said something."""
        self.untold: dict[str, None] = {}
        """Collections of which the other node is told everything, as soon as there is room."""
        self.knows_nodes = False
        """Whether the other node was told what is known of nodes."""

    def apply(self, payloads: Mapping[str, bytes]) -> None:
        """Take in what the other node says; nothing after `end`.

        Raises:
            ProtocolError: it is malformed, and the link should end.
        """
        if self._ended:
            return
        try:
            self._exchange.take(self, payloads)
        except ProtocolError as error:
            raise ProtocolError(f"presence of node {self._name}: {error}") from error

    def hold(self) -> None:
        """Tell nothing until `resume`, for what was told is still under way."""
        self._held = True

    def resume(self) -> None:
        """Go on after `hold`, with everything there is about collections that changed."""
        self._held = False
        self._exchange.wake()

    def end(self) -> None:
        """The link is gone. Harmless when it was."""
        self._ended = True
        self._exchange.unlink(self)

    @property
    def waits(self) -> bool:
        """Whether there is more to tell than one tick tells."""
        return bool(self.untold) and not self._held

    def tell(
        self, nodes: bytes, passed: Mapping[str, list[Passed]], everything: Callable[[str], Iterable[Part]]
    ) -> None:
        """Tell a tick's words, and a piece of what is untold: ``everything`` that is said of a collection."""
        if self._held:
            self.untold.update(dict.fromkeys(passed))
            return
        payloads = {name: self._news(words) for name, words in passed.items() if name not in self.untold}
        if not self.knows_nodes:
            payloads[NODES] = nodes
            self.knows_nodes = True
        self._add_untold(payloads, everything)
        if told := {collection: payload for collection, payload in payloads.items() if payload}:
            self._send(told)

    def _news(self, words: Iterable[Passed]) -> bytes:
        return self._join(word.part for word in words if word.source is not self)

    def _add_untold(self, payloads: dict[str, bytes], everything: Callable[[str], Iterable[Part]]) -> None:
        left = self._piece_bytes
        while self.untold and left > 0:
            collection = next(iter(self.untold))
            del self.untold[collection]
            payloads[collection] = self._join(everything(collection))
            left -= len(payloads[collection])

    def _join(self, parts: Iterable[Part]) -> bytes:
        """The words of these that are not of the other node itself."""
        return b"".join(part.data for part in parts if part.node != self.far)
