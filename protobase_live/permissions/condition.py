"""Conditions of rules: expressions over a row and ``identity``, or texts that say the same."""

from __future__ import annotations

from typing import Any

from protobase_live.errors import ValidationError
from protobase_live.permissions.asker import IDENTITY
from protobase_live.query.ast import expressions
from protobase_live.query.ast.expressions import Expr, fields_of, params_of
from protobase_live.query.language.text.expression_parser import ExpressionParser
from protobase_live.query.language.text.tokens import Tokens


def read_condition(given: Any) -> Expr:
    """The condition that a rule is given. Raises ValidationError for what is none."""
    found = _parsed(given) if isinstance(given, str) else expressions.condition(given)
    for field in fields_of(found):
        if field.field_path == (IDENTITY,):
            raise ValidationError(f"{IDENTITY} alone is no value: name a claim, such as {IDENTITY}.sub")
    if params := params_of(found):
        raise ValidationError(f"nobody gives the parameter {params[0]} a value in a rule")
    return found


def _parsed(text: str) -> Expr:
    tokens = Tokens(text)
    found = ExpressionParser(tokens).condition()
    if tokens.next.kind != "end":
        raise tokens.unexpected("an operator or the end")
    return found
