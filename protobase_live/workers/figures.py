"""The figures of all workers as one page."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")


DEATHS = """\
# HELP protobase_worker_deaths_total Workers that have died, and were started again.
# TYPE protobase_worker_deaths_total counter
protobase_worker_deaths_total {}
"""


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
