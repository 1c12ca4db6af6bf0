"""A Python file that says which Atoms the records of collections have to be."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from typing import Any, cast

from protobase_live.errors import ValidationError
from protobase_live.model.atoms import Atom

NAME = "schemas"
"""What the file calls them: a dict of classes by patterns of collections' names."""


def schemas_of(path: str) -> Mapping[str, type[Atom]]:
    """The schemas in a file. Raises ValidationError where it cannot be run or has none."""
    try:
        found: Any = runpy.run_path(path).get(NAME)
    except (Exception, SystemExit) as error:
        raise ValidationError(f"--schemas {path}: {type(error).__name__}: {error}") from error
    if not isinstance(found, dict):
        raise ValidationError(f"--schemas {path}: it has no dict {NAME}, such as {NAME} = {{'tasks': Task}}")
    return cast("Mapping[str, type[Atom]]", found)
