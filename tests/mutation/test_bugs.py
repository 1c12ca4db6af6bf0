"""The list of planted bugs fits the source. Whether tests notice them is what ``make mutate`` is for."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from tests.mutation.bug import ROOT, Bug, Misplaced, bugs


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug.name)
def test_it_can_be_planted(bug: Bug) -> None:
    source = (ROOT / bug.file).read_text(encoding="utf-8")
    planted = bug.planted(source)
    assert planted != source
    ast.parse(planted)
    for path in bug.tests:
        assert (ROOT / path).is_file(), path


def test_names_are_unique() -> None:
    assert [name for name, count in Counter(bug.name for bug in bugs()).items() if count > 1] == []


@pytest.mark.parametrize("source", ["nothing of it\n", "here\nand here\n"])
def test_one_that_has_lost_its_place_is_named(source: str) -> None:
    bug = Bug(name="lost", file="some.py", find="here", plant="there", tests=[], hurts="")
    with pytest.raises(Misplaced, match=r"lost: this stands in some\.py [02] times"):
        bug.planted(source)
