"""Long messages are read in small steps, and mean what they mean when they are read at once."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import ValidationError
from protobase_live.model import values
from protobase_live.model.values import decoding, long_decoding, long_json
from protobase_live.model.values.long_decoding import MAX_WHOLE_BYTES, STEP_BYTES
from protobase_live.protocol.steps import at_once
from tests.protobase_live.model.test_values import scalars, tags

COUNT = 4_000
OPS = [
    ["records", ["records"], "put", [f"k{n}", {"n": n, "t": "é" * 20, "s": {n}}, {}]] for n in range(COUNT)
]
MESSAGE = {"type": "commit", "id": 1, "writes": {"a": OPS, "@": [["x"]]}, "checks": [], "author": None}

raw = st.recursive(
    st.none() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=30) | tags,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["@", "v"]), inner, max_size=4)
    ),
    max_leaves=20,
)
written = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["@", "v"]), inner, max_size=4)
        | st.sets(st.integers(), max_size=9)
    ),
    max_leaves=20,
)


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "in_short_steps" in request.node.name:
        for module in (long_decoding, long_json):
            monkeypatch.setattr(module, "STEP_BYTES", 4)


def outcome(read: Any, data: Any) -> Any:
    try:
        return read(data)
    except (ValidationError, ValueError):
        return "no value"


@given(written)
def test_values_in_short_steps(value) -> None:
    packed, text = values.pack(value), json.dumps(values.to_json(value))
    assert values.same(at_once(values.unpack_in_steps(packed)), values.unpack(packed))
    assert values.same(at_once(values.from_json_in_steps(text)), values.from_json(json.loads(text)))


@given(raw)
def test_what_is_no_value_in_short_steps(value) -> None:
    text = json.dumps(value, indent=1)
    expected = outcome(lambda each: values.from_json(json.loads(each)), text)
    assert outcome(lambda each: at_once(values.from_json_in_steps(each)), text) == expected


@given(st.binary(max_size=40))
def test_bytes_that_are_no_message_in_short_steps(data) -> None:
    assert outcome(lambda each: at_once(values.unpack_in_steps(each)), data) == outcome(values.unpack, data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1",
        "[1 2]",
        '{"a":1',
        '{"a" 1}',
        "{1:2}",
        '{"a":1}}',
        "[1,]",
        '{"a":1,}',
        '["\\ud800"]',
        '{"@":1, "a":2}',
    ],
)
def test_text_that_is_no_message_in_short_steps(text) -> None:
    with pytest.raises((json.JSONDecodeError, ValidationError)):
        at_once(values.from_json_in_steps(text + " " * 10))


def counted(monkeypatch: pytest.MonkeyPatch, steps: Generator[None, None, Any]) -> tuple[list[int], Any]:
    """How many lists, dicts and scalars each step reads, and what comes of all."""
    read = [0]
    decode = decoding.decode

    def counting(item: Any, depth: int) -> Any:
        read[-1] += 1
        return decode(item, depth)

    for module in (decoding, long_decoding, long_json):
        monkeypatch.setattr(module, "decode", counting)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return read, end.value
        read.append(0)


@pytest.mark.parametrize("form", ["MessagePack", "JSON"])
def test_a_long_message_is_read_in_small_steps(form, monkeypatch) -> None:
    if form == "JSON":
        steps = values.from_json_in_steps(json.dumps(values.to_json(MESSAGE)))
    else:
        steps = values.unpack_in_steps(values.pack(MESSAGE))
    read, message = counted(monkeypatch, steps)
    assert message == MESSAGE
    assert sum(read) >= 10 * COUNT
    assert max(read) <= STEP_BYTES


def test_one_long_value_is_read_in_small_steps(monkeypatch) -> None:
    message = {"writes": {"a": [["list", ["l"], "extend", [[1] * 200_000]]]}}
    read, found = counted(monkeypatch, values.unpack_in_steps(values.pack(message)))
    assert found == message
    assert max(read) <= 2 * STEP_BYTES


@pytest.mark.parametrize("nested", [0, 20])
def test_what_is_not_taken_apart_is_no_longer_than_a_value_may_be(nested) -> None:
    message: Any = {"@": "set", "v": ["x" * 1000] * (MAX_WHOLE_BYTES // 1000)}
    for _ in range(nested):
        message = [message]
    with pytest.raises(ValidationError, match="larger than 1048576 bytes"):
        at_once(values.unpack_in_steps(long_decoding._packer.pack(message)))
    if nested == 0:
        with pytest.raises(ValidationError, match="larger than 1048576 bytes"):
            at_once(values.from_json_in_steps(json.dumps(message)))
