"""Atoms of stored rows; what becomes of those that do not fit is decided here, for every way of reading."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from protobase_live.errors import ValidationError, naming
from protobase_live.handles.misfit import Misfit, OnInvalid
from protobase_live.model.atoms import Atom, load, require_atom
from protobase_live.model.names import KEY_FIELD
from protobase_live.model.values import quoted

_log = logging.getLogger("protobase_live")


class Loader:
    """Makes Atoms of a collection's rows. One that does not fit fails nobody but who asks for it alone."""

    def __init__(
        self, collection: str, atom: type[Any], on_invalid: OnInvalid = "skip", *, quiet: bool = False
    ) -> None:
        """``quiet``: say nothing to the log. Raises ValidationError for what is no Atom class or no way."""
        require_atom(collection, atom)
        if on_invalid not in get_args(OnInvalid):
            raise ValidationError(f"on_invalid is {on_invalid!r}; expected 'skip', 'raw' or 'raise'")
        self.atom: type[Atom] = atom
        self.on_invalid: OnInvalid = on_invalid
        self.collection = collection
        self._said = quiet

    def require_same(self, atom: type[Any]) -> None:
        """Raise ValidationError, which names both, for another class; the same one may be defined anew."""
        known = self.atom
        if atom is not known and _whole_name(atom) != _whole_name(known):
            both = f"with the class {_whole_name(known)}, and now with {_whole_name(atom)}"
            raise ValidationError(
                f"collection {quoted(self.collection)} was opened {both}: a database gives its records as "
                "one class; open the database once more for another, or the collection without one"
            )

    def load(self, key: str, row: Mapping[str, Any]) -> Any:
        """The Atom of a row, with its key as ``_key``, or its Misfit."""
        try:
            with naming(self.collection):
                atom = load(self.atom, row, key)
        except ValidationError as error:
            return Misfit(key, dict(row), error)
        vars(atom)[KEY_FIELD] = key
        return atom

    def load_row(self, row: Mapping[str, Any]) -> Any:
        """The same of a query's row."""
        return self.load(row[KEY_FIELD], {name: value for name, value in row.items() if name != KEY_FIELD})

    def one(self, key: str, row: Mapping[str, Any]) -> Any:
        """What somebody asked for by its key. Raises ValidationError, unless misfits are given raw."""
        found = self.load(key, row)
        if isinstance(found, Misfit) and self.on_invalid != "raw":
            raise found.error
        return found

    def keeps(self, found: Any) -> bool:
        """Whether a reader of many is given what was loaded. Raises ValidationError if misfits are raised."""
        if not isinstance(found, Misfit) or self.on_invalid == "raw":
            return True
        if self.on_invalid == "raise":
            raise found.error
        self._say(found)
        return False

    def rows(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
        """What a reader of a query's rows is given. Raises ValidationError as `keeps` does."""
        return filter(self.keeps, map(self.load_row, rows))

    def _say(self, misfit: Misfit) -> None:
        """That something is left out, the first time."""
        if not self._said:
            self._said = True
            _log.warning(
                "records that do not fit %s are left out, such as this one of %s "
                "(await collection.misfits() lists them; on_invalid='raw' gives them as they are)",
                self.atom.__qualname__,
                misfit.error,
                extra={"event": "records_left_out", "collection": self.collection},
            )


def _whole_name(atom: type[Any]) -> str:
    return f"{atom.__module__}.{atom.__qualname__}"
