"""Queries that say the same made the same.

What is made so: conditions of one `where` after another, ``and`` and ``or`` inside themselves, repeated or
in another order; a constant to the left of a comparison; the order and repetition of what `in_` is given.
A condition that guards stays apart from all others, which are asked behind it.
"""

from __future__ import annotations

import json
from typing import Any

from protobase_live.model import values
from protobase_live.query.ast.expressions import (
    CONDITIONS,
    MIRRORED,
    Call,
    Expr,
    Field,
    Param,
    Value,
)
from protobase_live.query.ast.ordering import SortKey, sort_key
from protobase_live.query.ast.tree import Q, Step, Where, followed, map_step

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def canonical_query(query: Q) -> Q:
    """The query in the one way of saying what it says."""
    steps: list[Step] = []
    for step in query.steps:
        steps = followed(steps, step)
    return query.with_steps(map(_Maker().step, steps))


def expr_form(root: Expr) -> Any:
    """An expression as native constants and lists: ``["==", ["field", "owner"], "ann"]``."""
    match root:
        case Value(value=value):
            return ["value", value] if isinstance(value, (list, dict, set)) else value
        case Field(field_path=path):
            return ["field", *path]
        case Param(name=name):
            return ["param", name]
        case Call(op=op, args=args):
            return [op, *map(expr_form, args)]
        case _:
            raise TypeError(f"{root!r} is no expression")


def text_of(form: Any) -> str:
    """A native form as JSON text, without spaces."""
    return _encode(values.to_json(form))


class _Maker:
    """Makes expressions canonical; keeps the texts it sorts by, so that each is made once."""

    def __init__(self) -> None:
        self._texts: dict[int, tuple[Expr, str]] = {}

    def step(self, step: Step) -> Step:
        if isinstance(step, Where):
            return Where(self.condition(step.condition), step.guards)
        return map_step(step, self.value, canonical_query)

    def condition(self, root: Expr) -> Expr:
        """The same condition; as a value it may be another."""
        found = self.value(root)
        return found.args[0] if isinstance(found, Call) and _is_one_term(found) else found

    def value(self, root: Expr) -> Expr:
        if not isinstance(root, Call):
            return root
        if root.op in ("and", "or"):
            return self._junction(root)
        if root.op == "not":
            return Call("not", (self.condition(root.args[0]),))
        args = tuple(map(self.value, root.args))
        if root.op == "in" and isinstance(items := args[1], Value):
            return Call("in", (args[0], Value(_distinct(items.value))))
        if root.op in _TURNED and _constancy(args[0]) > _constancy(args[1]):
            return Call(_TURNED[root.op], (args[1], args[0]))
        return Call(root.op, args)

    def _junction(self, root: Call) -> Expr:
        terms: dict[str, Expr] = {}
        for arg in root.args:
            found = self.condition(arg)
            inner = found.args if isinstance(found, Call) and found.op == root.op else (found,)
            terms.update((self._text(each), each) for each in inner)
        made = Call(root.op, tuple(terms[text] for text in sorted(terms)))
        return made.args[0] if _is_one_term(made) and _is_boolean(made.args[0]) else made

    def _text(self, root: Expr) -> str:
        if not isinstance(root, Call):
            return text_of(expr_form(root))
        if id(root) not in self._texts:
            parts = ",".join(map(self._text, root.args))
            self._texts[id(root)] = root, f"[{text_of(root.op)},{parts}]"
        return self._texts[id(root)][1]


_TURNED = {**MIRRORED, "==": "==", "!=": "!="}
"""Comparisons, with what they are when their sides are exchanged."""


def _constancy(root: Expr) -> int:
    return 2 if isinstance(root, Value) else 1 if isinstance(root, Param) else 0


def _is_one_term(root: Call) -> bool:
    return root.op in ("and", "or") and len(root.args) == 1


def _is_boolean(root: Expr) -> bool:
    return isinstance(root, Call) and root.op in CONDITIONS


def _distinct(items: Any) -> list[Any]:
    """The different values among ``items``, in order; of equal ones that with the first text."""
    kept: dict[SortKey, Any] = {}
    for item in sorted(items, key=lambda each: (sort_key(each), text_of(each))):
        kept.setdefault(sort_key(item), item)
    return list(kept.values())
