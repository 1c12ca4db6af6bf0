"""Cuts in one direction: one host hears the other, and is not heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from detangle.net import SimNetwork


class OneWayCuts:
    """The directions in which nothing comes through, beside what the network cuts in both."""

    def __init__(self, network: SimNetwork) -> None:
        """From now on ``network`` asks here, too. Made once for a network."""
        self._cut: dict[tuple[str, str], None] = {}
        self._right = network.can_deliver
        network.can_deliver = self._can_deliver

    def cut(self, source: str, target: str) -> None:
        """Nothing that ``source`` says reaches ``target``."""
        self._cut[source, target] = None

    def mend(self, source: str, target: str) -> None:
        """It does again. Harmless if it does."""
        self._cut.pop((source, target), None)

    def mend_all(self) -> None:
        """Everything comes through again that the network lets through."""
        self._cut.clear()

    def _can_deliver(self, src: str, dst: str) -> bool:
        return (src, dst) not in self._cut and self._right(src, dst)
