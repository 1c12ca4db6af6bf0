"""The REST door does what its OpenAPI description says, and nothing else: schemathesis draws requests that fit
it and that do not, the same ones every time.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode

from protobase_live.server.rest.routes import Route
from protobase_live.server.rest.table import ROUTES
from tests.support.server_process import SERVE

EXAMPLES = 25
"""Requests for each operation."""


@pytest.fixture(scope="module")
def described() -> Iterator[schemathesis.BaseSchema]:
    """The description as a server gives it."""
    command = [*SERVE, "--storage", "memory:", "--listen", "127.0.0.1:0", "--limit", "event_seconds=0.01"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            said = re.fullmatch(r"listening on (http://.*)\n", server.stdout.readline())
            assert said
            found = schemathesis.openapi.from_url(f"{said[1]}/api/v1/openapi.json")
            found.config.update(base_url=f"{said[1]}/api/v1")
            yield found
        finally:
            server.terminate()


OPERATIONS = [route for route in ROUTES if not route.path.endswith("/changes")]
"""A stream of events does not end; `tests/protobase_live/server/rest/test_events.py` reads them."""


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize("route", OPERATIONS, ids=lambda route: f"{route.method} {route.path}")
def test_each_operation_answers_as_described(
    described: schemathesis.BaseSchema, route: Route, mode: GenerationMode
) -> None:
    operation = described[route.path][route.method]

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Case) -> None:
        case.call_and_validate()

    check()
