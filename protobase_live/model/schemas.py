"""Which Atom the records of a collection have to be, for collections that have a schema."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, cast

from protobase_live.errors import ValidationError
from protobase_live.model.atoms import Atom
from protobase_live.model.values import short


class Schemas:
    """Atom classes by patterns of names: ``*`` stands for any characters, ``/`` included."""

    def __init__(self, classes: Mapping[str, type[Atom]] | None = None) -> None:
        """Raises ValidationError for a pattern that is no text, and for what is no class of Atoms."""
        if classes is not None and not isinstance(cast(Any, classes), Mapping):
            raise ValidationError(f"schemas are a dict such as {{'tasks': Task}}, not {short(classes)}")
        self._classes = dict(classes or {})
        for pattern, schema in self._classes.items():
            _check(pattern, schema)

    def of(self, collection: str) -> type[Atom] | None:
        """The class of a collection's records, if there is one: of its very name, else of the first pattern
        that it fits."""
        exact = self._classes.get(collection)
        found = (schema for pattern, schema in self._classes.items() if fnmatchcase(collection, pattern))
        return next(found, None) if exact is None else exact


def _check(pattern: Any, schema: Any) -> None:
    if not isinstance(pattern, str) or not pattern:
        raise ValidationError(f"{short(pattern)} is no pattern of collections' names, such as 'tasks/*'")
    if not isinstance(schema, type) or not issubclass(schema, Atom):
        raise ValidationError(f"the schema of {pattern!r} is {short(schema)}; expected a class of Atoms")
