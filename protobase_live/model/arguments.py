"""Arguments of another type than their own, refused where they are given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

from protobase_live.errors import ValidationError
from protobase_live.model.values import short


def require(fits: bool, name: str, right: str, given: object) -> None:
    """Raise ValidationError, which names the argument, what it takes and what was given, unless it fits."""
    if not fits:
        raise ValidationError(f"{name} takes {right}, not {short(given)}")


def require_secret(fits: bool, name: str, right: str, given: object) -> None:
    """`require` for what nobody may be told: of what was given the message has the type alone."""
    if not fits:
        raise ValidationError(f"{name} takes {right}, not {type(given).__name__}")


def require_backup(stored: object) -> None:
    """Raise ValidationError unless it may be what `backup` gave."""
    require(isinstance(stored, bytes), "restore", "what backup gave, in bytes", stored)


def require_flags(**given: object) -> None:
    """Raise ValidationError for an argument that is neither True nor False."""
    for name, value in given.items():
        require(isinstance(value, bool), f"{name}=", "True or False", value)


def is_text(given: object) -> bool:
    """Whether it is a str that can be sent: a client would say any other on each connection, and fail."""
    if not isinstance(given, str):
        return False
    try:
        given.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return True


def check_since(text: object) -> None:
    """Raise ValidationError unless a change may have carried it; whether one did knows who made cursors."""
    if not is_text(text):
        raise ValidationError(f"not a cursor: {short(text)}; pass one that a change carried")


def text(name: str, given: Any) -> str:
    """An argument that is a str and can be sent; else ValidationError."""
    require(isinstance(given, str), name, "a str", given)
    require(is_text(given), name, "well-formed Unicode", given)
    return given


def texts(name: str, right: str, given: Any) -> list[str]:
    """An argument that is a list, or anything else to iterate over, of str; else ValidationError."""
    several = isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping))
    require(several, name, right, cast(Any, given))
    found = list(cast("Iterable[Any]", given))
    for each in found:
        if not isinstance(each, str):
            raise ValidationError(f"{name} takes {right}; {short(each)} in it is no str")
    return found


def state_text(client: int, state: Any) -> str | None:
    """A state of presence as JSON, None for none. Raises ValidationError for what JSON cannot say."""
    if state is None:
        return None
    try:
        text = json.dumps(state, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValidationError(f"presence of client {client} has to be what JSON can say: {error}") from error
    return text


def plain_state(client: int, state: Any) -> Any:
    """A copy of it, as the others will see it. Raises ValidationError for what JSON cannot say."""
    text = state_text(client, state)
    return None if text is None else json.loads(text)
