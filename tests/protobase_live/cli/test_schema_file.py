"""Schemas in a file of `serve`."""

import pytest

import protobase_live as pb
from protobase_live.cli.schema_file import schemas_of
from protobase_live.cli.settings import settings


def test_a_file_says_what_records_have_to_be(tmp_path) -> None:
    file = tmp_path / "schemas.py"
    file.write_text(
        "from __future__ import annotations\nimport protobase_live as pb\n\n"
        "class Task(pb.Atom):\n    title: str\n    votes: pb.Counter = 0\n\nschemas = {'tasks': Task}\n"
    )
    assert settings({"schemas": str(file)}, {}).schemas == str(file)
    assert settings({}, {"PROTOBASE_SCHEMAS": "a.py"}).schemas == "a.py"
    found = schemas_of(str(file))
    assert list(found["tasks"].fields()) == ["title", "votes"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("schemas = 5", "it has no dict schemas"),
        ("", "it has no dict"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        (None, "No such file"),
    ],
)
def test_what_is_wrong_with_it_is_said(tmp_path, text: str | None, said: str) -> None:
    file = tmp_path / "schemas.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(pb.ValidationError, match=f"--schemas .*schemas.py: .*{said}"):
        schemas_of(str(file))
