"""What all simulations have in common."""

from __future__ import annotations

import logging

import pytest


@pytest.fixture(autouse=True)
def _no_log(caplog: pytest.LogCaptureFixture) -> None:  # pyright: ignore[reportUnusedFunction]
    """A record that is kept keeps its error, and that the whole world of a run that is long over."""
    caplog.set_level(logging.CRITICAL, "protobase_live")
