"""Whom a rule is about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, cast

from protobase_live.errors import ValidationError
from protobase_live.model import values
from protobase_live.permissions.asker import Asker, ClaimMissing, claim

Who = Mapping[str, Any] | Callable[[Any], bool] | None
"""Claims that must equal (or, where the claim is a list, be in it), a function of the identity, or None for
everybody."""


def read_who(given: Any) -> Callable[[Asker], bool]:
    """The function that says whether a rule is about who asks. Raises ValidationError for what is no `Who`.

    It raises what the program's function raises, and ValidationError where that gives no bool.
    """
    if given is None:
        return lambda asker: True
    if callable(given):
        function: Any = given
        return lambda asker: _answer(function(asker))
    if isinstance(given, Mapping):
        claims = cast("dict[Any, Any]", {**given})
        if all(isinstance(name, str) and value is not None for name, value in claims.items()):
            return lambda asker: all(_has(asker, name, value) for name, value in claims.items())
    raise ValidationError(
        f"who is {values.short(given)}; expected claims such as {{'team': 'red'}}, "
        "a function of the identity, or nothing for everybody"
    )


def _answer(given: Any) -> bool:
    if given is None or isinstance(given, bool):
        return given is True
    raise ValidationError(f"who returned {values.short(given)}; expected True or False")


def _has(asker: Asker, name: str, value: Any) -> bool:
    try:
        found = claim(asker, name)
    except ClaimMissing:
        return False
    several = isinstance(found, Collection) and not isinstance(found, (str, bytes, Mapping))
    items = cast("Iterable[Any]", found) if several else ()
    return _same(found, value) or any(_same(each, value) for each in items)


def _same(one: Any, other: Any) -> bool:
    """Equal, and not because True equals 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other
