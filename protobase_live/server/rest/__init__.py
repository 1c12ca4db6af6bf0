"""The REST door: `/api/v1` over HTTP (``docs/http.md``)."""
