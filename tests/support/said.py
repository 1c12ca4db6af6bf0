"""A channel in memory, on which some messages are lost."""

from __future__ import annotations

from collections.abc import Callable


class SaidChannel:
    """One end; see `Channel`. All that share a list of ends hear each other at once."""

    message_bytes = 1024 * 1024

    def __init__(self, ends: list[SaidChannel]) -> None:
        self.heard: dict[str, Callable[[bytes], None]] = {}
        self.tells: list[Callable[[], None]] = []
        self.is_cut = False
        self._ends = ends
        ends.append(self)

    def say(self, topic: str, data: bytes) -> None:
        for end in self._ends:
            if not (self.is_cut or end.is_cut) and (heard := end.heard.get(topic)):
                heard(data)

    def listen(self, topic: str, heard: Callable[[bytes], None]) -> None:
        self.heard[topic] = heard

    def unlisten(self, topic: str) -> None:
        self.heard.pop(topic, None)

    def when_again(self, tell: Callable[[], None]) -> None:
        self.tells.append(tell)
