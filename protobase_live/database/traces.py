"""Traces of commits through the gates of the commit rule, for OpenTelemetry. Needs the extra ``otel``.

Spans are made when a commit has been shown, of what its turn has measured anyway. A commit's trace has a name
that follows from what the commit is, so each node names it alike: a commit and what becomes of it on other
nodes is one trace, and all nodes sample the same ones, while nothing about traces is sent between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import blake2b
from time import time_ns
from typing import TYPE_CHECKING, Any, cast

from protobase_live.collection.gates import Passage
from protobase_live.errors import ValidationError
from protobase_live.model.arguments import require
from protobase_storage import Commit, node_of

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer, TracerProvider
    from opentelemetry.util.types import AttributeValue

    from protobase_live.database.database import Database

DEFAULT_RATIO = 0.01
"""How many of all commits are traced."""

_TRACE_BYTES, _SPAN_BYTES = 16, 8
_LOW_BITS = 64
"""So many bits of a trace's id decide whether it is sampled, as in OpenTelemetry's TraceIdRatioBased."""


def trace(database: Database, ratio: float = DEFAULT_RATIO, provider: TracerProvider | None = None) -> None:
    """Make spans of a ``ratio`` of the database's commits from now on, until it is closed.

    ``provider`` is who takes them, None: the global one. Of a commit that was made here there is a span
    ``commit``, of one that another node has made ``replicate``, and below it ``admit``, ``apply``,
    ``persist`` and ``show``. They tell of collection, origin, sequence and size, and of no content.

    Raises ValidationError for a ratio that is not from 0 to 1, and if OpenTelemetry is not installed.
    """
    from protobase_live.database.database import Database  # who sends no traces starts without

    require(isinstance(cast(Any, database), Database), "pb.trace", "a database that is open", database)
    if not isinstance(cast(Any, ratio), int | float) or not 0 <= ratio <= 1:
        raise ValidationError(f"the ratio of commits that are traced is from 0 to 1, not {ratio}")
    try:
        from opentelemetry.trace import get_tracer
    except ImportError:
        raise ValidationError("traces need the extra: pip install 'protobase-live[otel]'") from None
    tracer = get_tracer("protobase_live", tracer_provider=provider)
    database.gates.listen(Traces(database.node, tracer, ratio).shown)


class Traces:
    """Makes the spans of one node."""

    def __init__(self, node: str, tracer: Tracer, ratio: float, now: Callable[[], int] = time_ns) -> None:
        """``now`` is the time in nanoseconds since 1970."""
        self._node = node
        self._tracer = tracer
        self._bound = round(ratio * 2**_LOW_BITS)
        self._now = now

    def shown(self, commits: Sequence[Commit], passage: Passage) -> None:
        """A turn was shown. Runs for each; what goes wrong with spans is no matter of the commits."""
        for commit in commits:
            trace_id, span_id = ids_of(commit)
            if trace_id % 2**_LOW_BITS < self._bound:
                with suppress(Exception):
                    self._make_spans(commit, passage, _inside(trace_id, span_id))

    def _make_spans(self, commit: Commit, passage: Passage, context: Context) -> None:
        from opentelemetry.trace import set_span_in_context

        end = self._now()
        at = end - sum(map(_nanoseconds, passage))
        name = "commit" if node_of(commit.origin) == self._node else "replicate"
        attributes = self._attributes(commit)
        whole = self._tracer.start_span(name, context, attributes=attributes, start_time=at)
        inside = set_span_in_context(whole, context)
        for gate, seconds in passage._asdict().items():
            part = self._tracer.start_span(gate, inside, attributes=attributes, start_time=at)
            at += _nanoseconds(seconds)
            part.end(at)
        whole.end(end)

    def _attributes(self, commit: Commit) -> dict[str, AttributeValue]:
        return {
            "protobase.collection": commit.collection,
            "protobase.origin": commit.origin,
            "protobase.sequence": commit.sequence,
            "protobase.bytes": len(commit.update),
            "protobase.node": self._node,
        }


def ids_of(commit: Commit) -> tuple[int, int]:
    """The ids of a commit's trace, and of what its spans on all nodes stand below."""
    name = f"{commit.collection}\0{commit.origin}\0{commit.sequence}"
    digest = blake2b(name.encode(), digest_size=_TRACE_BYTES + _SPAN_BYTES).digest()
    return int.from_bytes(digest[:_TRACE_BYTES], "big"), int.from_bytes(digest[_TRACE_BYTES:], "big")


def _inside(trace_id: int, span_id: int) -> Context:
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    flags = TraceFlags(TraceFlags.SAMPLED)
    above = NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags))
    return set_span_in_context(above, Context())


def _nanoseconds(seconds: float) -> int:
    return int(1e9 * seconds)
