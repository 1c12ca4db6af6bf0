"""Every example in docs/protocol.md is a message, and its queries are queries."""

import json
import re
from pathlib import Path

import pytest

from protobase_live.protocol.live.client_messages import QueryRequest
from protobase_live.protocol.live.codec import JsonCodec
from protobase_live.protocol.live.limits import WelcomeLimits
from protobase_live.protocol.live.messages import UnknownType, decode_client, decode_server
from protobase_live.protocol.live.server_messages import Difference, Welcome
from protobase_live.protocol.live.stream_messages import Watch
from protobase_live.query.ast.expressions import ARITY
from protobase_live.query.language.form import from_form

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "protocol.md").read_text()
READ = json.JSONDecoder()


def examples():
    for block in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        text = block.strip()
        while text:
            example, end = READ.raw_decode(text)
            yield example
            text = text[end:].strip()


def decode(example):
    frame = json.dumps(example)
    try:
        return decode_client(frame, JsonCodec())
    except UnknownType:
        return decode_server(frame, JsonCodec())


@pytest.mark.parametrize("example", list(examples()), ids=lambda example: example["type"])
def test_examples_are_messages(example):
    message = decode(example)
    assert message.type == example["type"]
    if isinstance(message, QueryRequest | Watch):
        assert from_form(message.query).collection == "tasks"
    if isinstance(message, Welcome):
        assert example["limits"].keys() == WelcomeLimits.__dataclass_fields__.keys()


def test_the_example_of_a_difference_does_what_the_page_says():
    keys = []
    for message in map(decode, examples()):
        if isinstance(message, Difference):
            for kind, at, *row in message.changes:
                keys[at : at + (kind != "insert")] = [each["_key"] for each in row]
    assert keys == ["t2", "t3", "t4"]


def test_every_operator_is_on_the_page():
    assert all(f'`["{operator}", ' in PAGE or f' `["{operator}", ' in PAGE for operator in ARITY)
