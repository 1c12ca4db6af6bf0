"""Yjs as bytes: the y-websocket messages, updates, and the structs of a document."""
