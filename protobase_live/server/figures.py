"""Figures of a server as data, and as Prometheus reads them.

The library that writes them is imported for the first page: it takes some 35 ms and 5 MiB.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from prometheus_client.core import Metric

PREFIX = "protobase_"

OPEN_METRICS = "application/openmetrics-text"
"""How a header ``Accept`` asks for the newer of two formats."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A figure for each of a few values of a label. The program chooses these, never a client."""

    label: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many were at most so large: a count for each bound in order, and for what is above all."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One of them. What only grows is called ``..._total``, and is a counter."""

    name: str
    """Without the prefix."""
    text: str
    """What it is, for who reads the page."""
    value: float | Labelled | Histogram

    @property
    def kind(self) -> Literal["gauge", "counter", "histogram"]:
        """What Prometheus calls such a one."""
        if isinstance(self.value, Histogram):
            return "histogram"
        return "counter" if self.name.endswith("_total") else "gauge"


def page(figures: Iterable[Figure], accept: str = "") -> tuple[bytes, str]:
    """The page for who sent this header ``Accept``, and its content type.

    Of what that says only is looked at whether it names `OPEN_METRICS`: the rest goes back to nobody.
    """
    from prometheus_client.core import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    registry = CollectorRegistry()
    registry.register(_Collected([_metric(each) for each in figures]))
    encode, content_type = choose_encoder(OPEN_METRICS if OPEN_METRICS in accept.lower() else "")
    return encode(registry), content_type


class _Collected:
    """What the library asks for figures."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


def _metric(figure: Figure) -> Metric:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    name, value = PREFIX + figure.name, figure.value
    if isinstance(value, Histogram):
        return HistogramMetricFamily(name, figure.text, buckets=_buckets(value), sum_value=value.total)
    kind: Any = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
    if not isinstance(value, Labelled):
        return kind(name, figure.text, value=value)
    found = kind(name, figure.text, labels=[value.label])
    for each, number in sorted(value.values.items()):
        found.add_metric([each], number)
    return found


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    found, below = list[tuple[str, float]](), 0
    for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
        below += count
        found.append((bound, below))
    return found
