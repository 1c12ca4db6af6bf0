"""The page of figures, read by Prometheus' own library."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

import protobase_live as pb
from protobase_actors import SystemClock
from protobase_live.server.counters import Counters
from protobase_live.server.figures import Figure, Labelled, page
from protobase_live.server.metrics import metrics, metrics_page
from protobase_live.server.permissions import Permissions
from protobase_live.server.server import Server
from tests.protobase_live.server.test_server import get

DOCS = Path(__file__).resolve().parents[3] / "docs"
ASKS = ["", "text/plain", "application/openmetrics-text; version=1.0.0; charset=utf-8,text/plain;q=0.5"]


@pytest.fixture
async def figures() -> list[Figure]:
    counters = Counters()
    for tally, value in (
        (counters.connections, "yjs"),
        (counters.refusals, "503"),
        (counters.errors, "conflict"),
        (counters.requests, "commit"),
    ):
        tally.add(value)
    counters.closed(1000)
    counters.request_seconds.add(0.02)
    async with pb.open("memory:") as db:
        await (await db.collection("tasks")).insert({"n": 1})
        return await metrics(db, counters, Permissions(SystemClock()), 3, 4)


@pytest.mark.parametrize("accept", ASKS)
def test_the_library_reads_what_it_has_written(figures: list[Figure], accept: str) -> None:
    body, content_type = page(figures, accept)
    is_open = "openmetrics" in accept
    assert content_type.startswith("application/openmetrics-text" if is_open else "text/plain")
    families = {each.name: each for each in (open_metrics if is_open else plain)(body.decode())}
    assert len(families) == len(figures)
    for figure in figures:
        family = families[f"protobase_{figure.name.removesuffix('_total')}"]
        assert (family.type, family.documentation) == (figure.kind, figure.text)
    assert families["protobase_sessions"].samples[0].value == 3
    assert families["protobase_storage_commits"].samples[0].value == 1
    buckets = families["protobase_request_seconds"].samples
    assert {each.labels.get("le"): each.value for each in buckets if each.name.endswith("_bucket")}[
        "0.03"
    ] == 1
    assert [each.value for each in buckets if each.name.endswith("_count")] == [1]
    gates = families["protobase_gate_seconds"].samples
    assert {each.labels["gate"] for each in gates} == {"admit", "apply", "persist", "show"}


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=x.y",
        "text/plain; version=9999999999999; escaping=\x1b",
        "a" * 9000,
    ],
)
def test_no_header_breaks_it_or_comes_back(figures: list[Figure], accept: str) -> None:
    body, content_type = page(figures, accept)
    assert b"protobase_sessions 3.0\n" in body
    assert content_type in {page(figures, each)[1] for each in ASKS}


def test_labels_are_quoted() -> None:
    hostile = 'b"\n# TYPE forged gauge\nforged 1\\'
    for accept, read in ((ASKS[0], plain), (ASKS[2], open_metrics)):
        body, _ = page([Figure("link_up", "Linked.", Labelled("node", {hostile: 1}))], accept)
        (family,) = read(body.decode())
        assert [each.labels for each in family.samples] == [{"node": hostile}]


async def test_a_page_says_what_it_depends_on() -> None:
    async with pb.open("memory:") as db:
        told = await metrics_page(db, Counters(), Permissions(SystemClock()), 0, 0, ASKS[2])
        assert ("vary", "Accept") in told.headers
        assert told.type.startswith("application/openmetrics-text")
        async with Server(db, port=0) as server:
            assert next(iter(plain((await get(server, "/metrics"))[1]))).name == "protobase_sessions"


def test_the_documentation_lists_all_figures(figures: list[Figure]) -> None:
    table = (DOCS / "operating.md").read_text().partition("## Figures")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `protobase_(\w+)`", table, re.MULTILINE)
    assert sorted(listed) == sorted(each.name for each in figures)


def test_a_server_starts_without_the_library() -> None:
    found = "import sys, protobase_live.cli.serve; print('prometheus_client' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", found], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout == "False\n"
