"""``protobase-live token``: a token for somebody, for trying things out and for scripts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NoReturn

from protobase_live.cli.loop import run
from protobase_live.errors import ValidationError
from protobase_live.server.json_web_tokens import make_token

MOST_SECONDS = 100 * 366 * 24 * 3_600
"""The longest that a token is good for: a hundred years."""


def token(keys: str, algorithm: str, seconds: float, claims: Mapping[str, Any]) -> NoReturn:
    """Print one with these claims, those that are None left out, and end the process."""
    run(_token(keys, algorithm, seconds, claims))


async def _token(keys: str, algorithm: str, seconds: float, claims: Mapping[str, Any]) -> None:
    if not 1 <= seconds <= MOST_SECONDS:
        raise ValidationError(f"--seconds {seconds:g}: a token is good for 1 to {MOST_SECONDS} seconds")
    now = int(time.time())
    times = {"iat": now, "exp": now + int(seconds)}
    told = {name: value for name, value in claims.items() if value is not None}
    print(make_token(keys, algorithm, told | times))
