"""How the declaration of an index is written: a JSON list of its fields, dots leading into nested ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from protobase_live.errors import ValidationError
from protobase_live.model.arguments import is_text
from protobase_live.model.values import short

MAX_INDEX_FIELDS = 8
"""Most fields of one index."""


def index_text(fields: Sequence[str]) -> str:
    """The key under which a collection keeps the declaration. Raises ValidationError."""
    known = all(map(is_text, fields))
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")) if known else ""
    if parse_index(text) is None:
        raise ValidationError(
            f"an index has 1 to {MAX_INDEX_FIELDS} different fields, such as 'owner' or 'address.city', "
            f"not {short(fields)}"
        )
    return text


def parse_index(text: str) -> tuple[str, ...] | None:
    """The fields of a declaration; None for what is none, since any Yjs client may have written it."""
    try:
        given: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, list):
        return None
    fields = cast("list[Any]", given)
    named = all(isinstance(each, str) and all(each.split(".")) for each in fields)
    different = named and len(set(fields)) == len(fields)
    return tuple(fields) if different and 0 < len(fields) <= MAX_INDEX_FIELDS else None
