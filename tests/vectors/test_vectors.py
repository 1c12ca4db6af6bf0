"""The vectors in this folder are what the Python code does; the tests of the TypeScript client use them, too.

``python -m tests.vectors`` writes them anew.
"""

import json

import pytest

from tests.vectors.made import FOLDER, MADE, text_of


@pytest.mark.parametrize("name", MADE)
def test_the_python_code_does_what_the_vectors_say(name: str) -> None:
    assert json.loads((FOLDER / f"{name}.json").read_text()) == json.loads(text_of(MADE[name]()))


def test_no_vectors_are_left_over() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == MADE.keys()
