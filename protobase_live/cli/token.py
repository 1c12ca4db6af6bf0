"""``protobase-live token``: a token for somebody, for trying things out and for scripts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NoReturn

from protobase_live.cli.loop import run
from protobase_live.server.json_web_tokens import make_token


def token(keys: str, algorithm: str, seconds: float, claims: Mapping[str, Any]) -> NoReturn:
    """Print one with these claims, those that are None left out, and end the process."""
    run(_token(keys, algorithm, seconds, claims))


async def _token(keys: str, algorithm: str, seconds: float, claims: Mapping[str, Any]) -> None:
    now = int(time.time())
    times = {"iat": now, "exp": now + int(seconds)}
    told = {name: value for name, value in claims.items() if value is not None}
    print(make_token(keys, algorithm, told | times))
