"""How far a bucket may be behind a folder."""

UNUPLOADED_BYTES = 16 * 1024 * 1024
"""Bytes that are acknowledged and not in the bucket yet. At so many, writers wait."""

UNUPLOADED_SECONDS = 10.0
"""How long an acknowledged commit may not be in the bucket. After that, writers wait until it is."""
