"""Figures of a server, by their names as pages have them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families

from protobase_live.server.figures import Figure, page


def values_of(figures: Iterable[Figure]) -> dict[str, float]:
    """Each figure, with its labels as ``name{label="value"}``."""
    return parsed(page(figures)[0].decode())


def parsed(text: str) -> dict[str, float]:
    """The same of a page, read by the library."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found
