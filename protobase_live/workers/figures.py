"""The figures of all workers as one page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping

_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")


DEATHS = """\
# HELP protobase_worker_deaths_total Workers that have died, and were started again.
# TYPE protobase_worker_deaths_total counter
protobase_worker_deaths_total {}
"""


class Gathering:
    """The pages of the other workers, as they come."""

    def __init__(self) -> None:
        self.pages: dict[int, str] = {}
        """Those that are there, by the numbers of their workers."""
        self.complete = asyncio.Event()
        """Set when all are there that will be."""
        self._awaited: set[int] | None = None

    def expect(self, workers: Iterable[int]) -> None:
        """These were asked."""
        self._awaited = {*workers}
        self._look()

    def take(self, number: int, page: str) -> None:
        """One has answered."""
        self.pages[number] = page
        self._look()

    def _look(self) -> None:
        if self._awaited is not None and self._awaited <= self.pages.keys():
            self.complete.set()


def one_page(pages: Mapping[int, str], deaths: int) -> str:
    """What Prometheus reads of all, in its text format: each sample says of which worker it is.

    ``deaths`` are those of all.
    """
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for number, page in sorted(pages.items()):
        family = ""
        for line in page.splitlines():
            if line.startswith("# "):
                family = line.split(" ", 3)[2]
                head = heads.setdefault(family, [])
                if line not in head:
                    head.append(line)
            elif found := _SAMPLE.fullmatch(line):
                labels = ",".join(filter(None, [f'worker="{number}"', found["labels"]]))
                samples.setdefault(family, []).append(f"{found['name']}{{{labels}}} {found['value']}")
    lines = [line for family in heads for line in [*heads[family], *samples.get(family, [])]]
    return "".join(f"{line}\n" for line in lines) + DEATHS.format(deaths)
