"""Each limit that can be set stands in docs/limits.md, with its default and what happens at it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

import protobase_live as pb
from protobase_live.cli.settings import SECTIONS as SETTINGS
from tools.limits_page import PAGE, SECTIONS, limits_of, page, shown

EXPORTED = {each for name, each in vars(pb).items() if name.endswith("Limits") and isinstance(each, type)}


def test_the_page_says_what_the_sources_say():
    assert PAGE.read_text() == page(), "limits have changed: .venv/bin/python tools/limits_page.py"


def test_every_class_of_limits_is_there():
    assert SECTIONS.keys() == EXPORTED | set(SETTINGS.values())


@pytest.mark.parametrize("cls", SECTIONS, ids=lambda cls: cls.__name__)
def test_every_limit_says_what_happens_at_it(cls: type):
    assert [name for name, _, _ in limits_of(cls)] == [field.name for field in fields(cls)]
    for name, default, said in limits_of(cls):
        assert len(said) > 15, name
        assert f"| `{name}` | {default} | {said} |" in Path(PAGE).read_text()


def test_defaults_are_shown_as_people_write_them():
    shows = [
        shown("a_bytes", 64 * 2**20),
        shown("a_bytes", 1000),
        shown("a", 10_000),
        shown("a_seconds", 600.0),
    ]
    assert shows == ["64 MiB", "1,000", "10,000", "600"]
    assert [shown("seconds", 0.1), shown("bytes", None)] == ["0.1", "none"]
