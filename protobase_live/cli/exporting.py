"""Where a server's traces go: to a collector of OpenTelemetry, over OTLP. Needs the extra ``otel``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from protobase_live.errors import ValidationError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


def exporter(node: str) -> TracerProvider:
    """Sends spans in batches, from a thread of its own; what waits is bounded, and then dropped.

    The variables of OpenTelemetry say where to and how often (``OTEL_EXPORTER_OTLP_ENDPOINT``,
    ``OTEL_BSP_...``, ``OTEL_SERVICE_NAME``). Raises ValidationError if it is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise ValidationError("--traces needs the extra: pip install 'protobase-live[otel]'") from None
    service = os.environ.get("OTEL_SERVICE_NAME", "protobase-live")
    named = Resource.create({"service.name": service, "service.instance.id": node})
    provider = TracerProvider(resource=named)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
