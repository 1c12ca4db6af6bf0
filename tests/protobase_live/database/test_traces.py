"""Commits as traces, by OpenTelemetry's own SDK."""

from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, TraceIdRatioBased

import protobase_live as pb
from protobase_live.collection.gates import GATES, Passage
from protobase_live.database.traces import Traces, ids_of, trace
from protobase_storage import Commit

MARKER = "s3cr3t-marker"


class Exported:
    """Where spans go."""

    def __init__(self, **how) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(**how)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]


async def test_a_commit_is_a_span_with_one_for_each_gate():
    exported = Exported()
    async with pb.open("memory:", node_id="n1", author=MARKER) as db:
        trace(db, 1, exported.provider)
        tasks = await db.collection("tasks")
        await tasks.insert({MARKER: MARKER}, key=MARKER)
    (commit,) = exported.named("commit")
    gates = [span for span in exported.spans if span is not commit]
    assert [span.name for span in gates] == list(GATES)
    assert all(span.parent.span_id == commit.context.span_id for span in gates)
    assert {span.context.trace_id for span in exported.spans} == {commit.context.trace_id}
    assert gates[0].start_time == commit.start_time
    assert [span.end_time for span in gates[:-1]] == [span.start_time for span in gates[1:]]
    assert gates[-1].end_time == commit.end_time
    for span in exported.spans:
        assert span.attributes["protobase.collection"] == "tasks"
        assert span.attributes["protobase.origin"].startswith("n1/")
        assert span.attributes["protobase.sequence"] == 1
        assert span.attributes["protobase.node"] == "n1"
        assert MARKER not in span.to_json()


async def test_what_becomes_of_it_on_other_nodes_is_the_same_trace():
    here, there, told = Exported(), Exported(), []
    async with pb.open("memory:", node_id="n1") as one, pb.open("memory:", node_id="n2") as two:
        trace(one, 1, here.provider)
        trace(two, 1, there.provider)
        one.gates.listen(lambda commits, _: told.extend(commits))
        await (await one.collection("tasks")).insert({"n": 1}, key="t")
        tasks = await two.collection("tasks")
        async with tasks.changes() as changes:
            await two.replicate({"tasks": told})
            await anext(changes)
    (commit,), (replicate,) = here.named("commit"), there.named("replicate")
    assert commit.context.trace_id == replicate.context.trace_id
    assert commit.parent.span_id == replicate.parent.span_id
    assert commit.attributes["protobase.origin"] == replicate.attributes["protobase.origin"]
    assert [each.attributes["protobase.node"] for each in (commit, replicate)] == ["n1", "n2"]
    assert [span.name for span in there.spans] == [*GATES, "replicate"]


def commits(count: int) -> list[Commit]:
    return [Commit("n1/t", n, "tasks", b"", (), 0.0) for n in range(1, count + 1)]


def test_a_ratio_is_sampled_and_all_nodes_sample_the_same():
    traced = []
    for node in "n1", "n2":
        exported = Exported()
        tracer = exported.provider.get_tracer("x")
        Traces(node, tracer, 0.25, lambda: 10**18).shown(commits(2_000), Passage(1, 2, 3, 4))
        traced.append({span.context.trace_id for span in exported.spans})
    assert traced[0] == traced[1]
    assert 400 < len(traced[0]) < 600
    sampler = TraceIdRatioBased(0.25)
    for each in commits(2_000):
        trace_id, _ = ids_of(each)
        assert (trace_id in traced[0]) == sampler.should_sample(None, trace_id, "x").decision.is_sampled()


@pytest.mark.parametrize(("ratio", "how"), [(0, {}), (1, {"sampler": ALWAYS_OFF})])
async def test_nothing_is_traced_that_nobody_wants(ratio, how):
    exported = Exported(**how)
    async with pb.open("memory:") as db:
        trace(db, ratio, exported.provider)
        await (await db.collection("tasks")).insert({"n": 1})
    assert not exported.spans


async def test_what_goes_wrong_with_spans_harms_no_commit():
    class Broken:
        def start_span(self, *_, **__):
            raise RuntimeError("no spans today")

    async with pb.open("memory:") as db:
        db.gates.listen(Traces(db.node, Broken(), 1).shown)
        tasks = await db.collection("tasks")
        await tasks.insert({"n": 1}, key="t")
        assert await tasks.keys() == ["t"]


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
async def test_a_ratio_that_is_none(ratio):
    async with pb.open("memory:") as db:
        with pytest.raises(pb.ValidationError, match="from 0 to 1, not"):
            trace(db, ratio)


async def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    async with pb.open("memory:") as db:
        with pytest.raises(pb.ValidationError, match=r"protobase-live\[otel\]"):
            trace(db)


def test_who_does_not_trace_imports_nothing_of_it():
    program = """
import asyncio, sys, protobase_live as pb
async def main():
    async with pb.open("memory:") as db:
        await (await db.collection("tasks")).insert({"n": 1})
asyncio.run(main())
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout == "[]\n"
