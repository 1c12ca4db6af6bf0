"""The REST door does what its OpenAPI description says, and nothing else: schemathesis draws requests that
fit it and that do not, the same ones every time.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from protobase_live.server.rest.routes import Route
from protobase_live.server.rest.table import ROUTES
from tests.support.server_process import SERVE

EXAMPLES = 10
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


OPERATIONS = [
    pytest.param(route, mode, id=f"{route.method} {route.path} {mode.value}")
    for route in ROUTES
    for mode in GenerationMode
    # A stream of events does not end; test_events.py reads them.
    if not route.path.endswith("/changes")
    and not (mode is GenerationMode.NEGATIVE and route.path in ("/openapi.json", "/named/{name}"))
]
"""Nothing can be wrong in a request for the description itself, or, as far as a schema says, for a query that
has a name."""

SAYS_MORE = ("/query", "/named/{name}", "/transactions", "/splice")
"""Where these paths end, what is asked for may be wrong in ways that no schema can say: the grammar of
queries, their names and parameters, verbs and their arguments, the length of a text. So may a rich text:
blocks of BlockNote."""

CONDITIONS = ("If-Match", "If-None-Match", "Idempotency-Key")
"""Headers because of which a request is refused that is well-formed, or one that is not before it is read."""


@pytest.mark.parametrize(("route", "mode"), OPERATIONS)
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
        case.call_and_validate(excluded_checks=_not_asked(route, case))

    check()


def _not_asked(route: Route, case: Case) -> list[CheckFunction]:
    if any(name in (case.headers or {}) for name in CONDITIONS):
        return [positive_data_acceptance, negative_data_rejection]
    says_more = route.path.endswith(SAYS_MORE) or "{fragment}" in route.path
    return [positive_data_acceptance] if says_more else []
