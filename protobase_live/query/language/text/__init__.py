"""Queries as people write them: ``tasks where not done and priority >= 3 order by -priority limit 10``.

Steps happen in the order they are written. The grammar is in `query_parser` and
`expression_parser`, its words in `tokens`.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.model import values
from protobase_live.query.language.query import Query
from protobase_live.query.language.text.query_parser import parse_query
from protobase_live.query.language.text.tokens import Tokens

MAX_TEXT_CHARS = 64 * 1024
"""Longest query as text."""

__all__ = ["MAX_TEXT_CHARS", "parse"]


def parse(text: str) -> Query:
    """The query that a text says: the JSON form if it begins with ``{``, else the readable form.

    Raises ValidationError, which shows the place and what is expected there, and LimitExceeded for a text
    that is too long or nested too deeply.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValidationError(f"a query is a text such as 'tasks where not done', not {values.short(text)}")
    if len(text) > MAX_TEXT_CHARS:
        raise LimitExceeded(f"a query has {len(text)} characters; at most {MAX_TEXT_CHARS} are allowed")
    if text.lstrip().startswith("{"):
        return Query.from_json(_json(text))
    return parse_query(Tokens(text))


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise LimitExceeded("the JSON form of a query is nested too deeply") from None
    except ValueError as error:
        raise ValidationError(f"a query that begins with {{ is JSON, and this is none: {error}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
