"""Which paths lead where."""

from __future__ import annotations

YJS_PREFIX, HOCUSPOCUS_PATH = "/yjs/", "/hocuspocus"

DIRECT_PREFIXES = (YJS_PREFIX, HOCUSPOCUS_PATH)
"""Connections to these paths have a session attached; all others are read with ``recv``."""

LIVE_PATH = "/live"

REST_PREFIX, LIVE_HTTP_PATH = "/api/", f"{LIVE_PATH}/events"

HTTP_PREFIXES = (REST_PREFIX, f"{LIVE_PATH}/")
"""Requests for these paths are no WebSocket's, and another stack serves them."""
