"""Which paths lead where."""

from __future__ import annotations

YJS_PREFIX, HOCUSPOCUS_PATH = "/yjs/", "/hocuspocus"

DIRECT_PREFIXES = (YJS_PREFIX, HOCUSPOCUS_PATH)
"""Connections to these paths have a session attached; all others are read with ``recv``."""

HTTP_PREFIX = "/api/"
"""Requests for these paths are no WebSocket's, and another stack serves them."""
