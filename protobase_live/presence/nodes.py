"""Which nodes can be reached, by what each says of its own links."""

from __future__ import annotations

from collections.abc import Iterable

from protobase_live.presence.node_words import Links


class Nodes:
    """The nodes that this one knows of, itself included.

    A node can be reached if links lead to it, each as the node at its near end says. So a node whose links
    are all cut is out of reach although what it said of them is still known: nobody else claims one.
    """

    def __init__(self, own: int, most: int) -> None:
        """This node is ``own``; at most ``most`` are known, what is said of others is left out."""
        self.own = own
        self._most = most
        self._links = {own: Links(own, 1, ())}

    @property
    def others(self) -> list[int]:
        """All known nodes but this one."""
        return [node for node in self._links if node != self.own]

    def link(self, linked: Iterable[int]) -> None:
        """This node is linked to these nodes, and to no others."""
        number = self._links[self.own].number + 1
        self._links[self.own] = Links(self.own, number, tuple(dict.fromkeys(linked)))

    def learn(self, words: Iterable[Links]) -> bool:
        """Take in what nodes say of their links, and return whether any of it is new."""
        news = False
        for links in words:
            known = self._links.get(links.node)
            if links.node == self.own or (known and known.number >= links.number):
                continue
            if known is not None or len(self._links) < self._most:
                self._links[links.node] = links
                news = True
        return news

    def forget(self, node: int) -> None:
        """Know nothing more of another node."""
        del self._links[node]

    def reachable(self) -> dict[int, Links]:
        """The nodes that can be reached, this one first, with what each says of its links."""
        found = {self.own: self._links[self.own]}
        ahead = [self.own]
        while ahead:
            for node in self._links[ahead.pop()].linked:
                if node in self._links and node not in found:
                    found[node] = self._links[node]
                    ahead.append(node)
        return found
