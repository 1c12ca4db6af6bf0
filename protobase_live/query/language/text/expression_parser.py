"""Expressions as text, made into what `F` makes. From what binds least to what binds most::

    or
    and
    not
    =  ==  !=  <>  <  <=  >  >=
    in (1, 2)   contains x   starts with x   like x   between x and y     (all also after not)
    is none   is not none
    +  -
    *  /  %
    -

    42  'text'  "text"  true  false  none  [1, 'a']  date '2026-05-01'  datetime '2026-05-01T12:00:00'
    title  user.team  `a field`.x  :parameter  (expression)

``null`` is ``none``, ``=`` is ``==`` and ``<>`` is ``!=``. Comparisons cannot be chained.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.query.ast.expressions import (
    MAX_EXPRESSION_DEPTH,
    Call,
    Expr,
    Field,
    Param,
    Value,
    both,
    expr,
)
from protobase_live.query.language.text.tokens import KEYWORDS, Token, Tokens

OR, AND, TEST, SUM, PRODUCT = range(1, 6)
"""How strongly operators bind what stands at both sides of them."""

MAX_NESTED = 2 * MAX_EXPRESSION_DEPTH
"""Most operands inside each other while they are read: an operand, and the parentheses around it."""

OPERATOR_WORDS = ("and", "or", "not", "in", "between", "is", "contains", "starts", "like")
"""Words that may follow an operand."""

_COMPARISONS = {"=": "==", "==": "==", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_LEVELS = {
    **dict.fromkeys(_COMPARISONS, TEST),
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("*", "/", "%"), PRODUCT),
    **dict.fromkeys(OPERATOR_WORDS, TEST),
    "or": OR,
    "and": AND,
}
_CONSTANTS = {"true": True, "false": False, "none": None, "null": None}
_DATES: dict[str, Callable[[str], date]] = {"date": date.fromisoformat, "datetime": datetime.fromisoformat}


class ExpressionParser:
    """Reads expressions from ``tokens``, by precedence climbing."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._depth = 0

    def condition(self) -> Expr:
        """The next expression, if it can be a condition; else ValidationError."""
        start = self._tokens.next
        return self._condition(self.expression(), start)

    def expression(self, above: int = 0) -> Expr:
        """The next expression of operators that bind stronger than ``above``.

        Raises ValidationError for what is none, and LimitExceeded.
        """
        self._enter()
        start = self._tokens.next
        found = self._operand(above)
        tested = False
        while (level := self._level()) > above:
            if tested and level == TEST:
                raise self._tokens.mistake(
                    "comparisons cannot be chained; write 'x between 1 and 5', or put one in parentheses"
                )
            tested = level == TEST
            found = self._continued(found, level, start)
        self._depth -= 1
        return found

    def _level(self) -> int:
        """How strongly the next word binds what stands before it; 0 when it is no operator."""
        word = self._tokens.next
        return _LEVELS.get(word.keyword or (word.value if word.kind == "symbol" else ""), 0)

    def _continued(self, left: Expr, level: int, start: Token) -> Expr:
        """What the next operator makes of the operand before it."""
        if level <= AND:
            return self._chain(left, level, start)
        if level == TEST:
            return self._test(left, start)
        return Call(self._tokens.take().value, (left, self.expression(level)))

    def _chain(self, first: Expr, level: int, start: Token) -> Expr:
        """A whole row of ``and`` or ``or``, as one call."""
        word = self._tokens.next.keyword
        terms = [self._condition(first, start)]
        while self._tokens.skip_word(word):
            start = self._tokens.next
            terms.append(self._condition(self.expression(level), start))
        return both(*terms) if level == AND else _either(terms)

    def _test(self, left: Expr, start: Token) -> Expr:
        tokens = self._tokens
        if tokens.next.kind == "symbol":
            operator = _COMPARISONS[tokens.take().value]
            return Call(operator, (left, self._other_side(left, start)))
        if tokens.skip_word("is"):
            negated = tokens.skip_word("not")
            if not tokens.skip_word("none", "null"):
                raise tokens.unexpected("'none' or 'not none'")
            return ~left.is_none() if negated else left.is_none()
        if tokens.skip_word("not"):
            return ~self._word_test(left)
        return self._word_test(left)

    def _word_test(self, left: Expr) -> Expr:
        tokens = self._tokens
        if tokens.skip_word("in"):
            return left.in_(self._constant(self._list) if tokens.has("(", "[") else self.expression(TEST))
        if tokens.skip_word("contains"):
            return left.contains(self.expression(TEST))
        if tokens.skip_word("like"):
            return left.like(self._text("a pattern"))
        if tokens.skip_word("starts"):
            tokens.expect_word("with")
            return left.starts_with(self._text("what a text starts with"))
        if tokens.skip_word("between"):
            low = self.expression(TEST)
            tokens.expect_word("and")
            return left.between(low, self.expression(TEST))
        raise tokens.unexpected("a test after 'not'", ("in", "between", "contains", "starts", "like"))

    def _other_side(self, left: Expr, start: Token) -> Expr:
        """What is compared with ``left``. A name in double quotes, as in SQL, is a ValidationError."""
        other = self._tokens.next
        right = self.expression(TEST)
        if _is_text(left) and _is_text(right):
            for each in (start, other):
                if self._tokens.text[each.start] == '"' and "'" not in each.value:
                    raise self._tokens.mistake(f"two texts are compared; {_unquoted(each.value)}", each)
        return right

    def _text(self, what: str) -> Expr:
        """The next expression. Raises ValidationError for a constant that is no text."""
        start = self._tokens.next
        found = self.expression(TEST)
        if isinstance(found, Value) and not isinstance(found.value, str):
            raise self._tokens.mistake(f"{what} is a text, not {found}", start)
        return found

    # operands

    def _operand(self, above: int) -> Expr:
        tokens = self._tokens
        start = tokens.next
        if tokens.skip("-"):
            return _negative(self.expression(PRODUCT))
        if start.keyword == "not":
            if above > AND:
                raise tokens.mistake("put 'not ...' in parentheses here")
            tokens.take()
            return ~self._condition(self.expression(AND), start)
        if tokens.skip("("):
            found = self.expression()
            tokens.expect(")")
            return found
        if tokens.skip(":"):
            return Param(self._any_name("the name of a parameter"))
        if self._at_constant():
            return self._constant(self._value)
        if start.kind == "name" or (start.kind == "word" and start.keyword not in KEYWORDS):
            return self._field()
        raise self._no_operand()

    def _no_operand(self) -> ValidationError:
        if self._tokens.next.keyword in KEYWORDS:
            self._tokens.name("a field or value")
        return self._tokens.unexpected("a field or value")

    def _field(self) -> Expr:
        path = [self._tokens.name("a field")]
        while self._tokens.skip("."):
            path.append(self._any_name("the name of a field"))
        if self._tokens.has("("):
            raise self._tokens.mistake(
                "there are no functions here; aggregates stand behind the colon: group by owner: n = count()"
            )
        return Field(tuple(path))

    def _any_name(self, what: str) -> str:
        """The next name, where no keyword can stand."""
        if self._tokens.next.kind not in ("word", "name"):
            raise self._tokens.unexpected(what)
        return self._tokens.take().value

    def _at_constant(self) -> bool:
        word = self._tokens.next
        if word.kind in ("text", "number") or self._tokens.has("[") or word.keyword in _CONSTANTS:
            return True
        return word.keyword in _DATES and self._tokens.text[word.end :].lstrip()[:1] in ("'", '"')

    def _constant(self, read: Callable[[], Any]) -> Expr:
        start = self._tokens.next
        value = read()
        with self._tokens.located(start):
            return expr(value)

    def _value(self) -> Any:
        tokens = self._tokens
        if tokens.has("["):
            return self._list()
        if tokens.skip("-"):
            if tokens.next.kind != "number":
                raise tokens.unexpected("a number")
            return -tokens.take().value
        if not self._at_constant():
            raise tokens.unexpected("a constant such as 1, 'text' or true (without parentheses: in :names)")
        word = tokens.take()
        if word.keyword in _DATES:
            return self._date(word)
        return _CONSTANTS[word.keyword] if word.kind == "word" else word.value

    def _date(self, word: Token) -> date:
        said = self._tokens.take()
        try:
            return _DATES[word.keyword](said.value)
        except ValueError as error:
            raise self._tokens.mistake(f"this is no {word.keyword}: {error}", said) from None

    def _list(self) -> list[Any]:
        """Constants in parentheses or brackets."""
        self._enter()
        end = ")" if self._tokens.take().value == "(" else "]"
        found: list[Any] = []
        if not self._tokens.has(end):
            found.append(self._value())
            while self._tokens.skip(","):
                found.append(self._value())
        self._tokens.expect(end)
        self._depth -= 1
        return found

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_NESTED:
            raise LimitExceeded(f"at most {MAX_EXPRESSION_DEPTH} expressions stand inside each other")

    def _condition(self, found: Expr, start: Token) -> Expr:
        if isinstance(found, Value) and not isinstance(found.value, bool):
            raise self._tokens.mistake(
                f"{found} is no condition; write a comparison such as a = {found}", start
            )
        return found


def _is_text(found: Expr) -> bool:
    return isinstance(found, Value) and isinstance(found.value, str)


def _unquoted(name: str) -> str:
    plain = name.isidentifier()
    return f"a name stands without quotes: {name}" if plain else f"a name stands in backquotes: `{name}`"


def _negative(found: Expr) -> Expr:
    if isinstance(found, Value) and type(found.value) in (int, float):
        return Value(-found.value)
    return -found


def _either(terms: list[Expr]) -> Expr:
    flat: list[Expr] = []
    for term in terms:
        flat.extend(term.args if isinstance(term, Call) and term.op == "or" else (term,))
    return Call("or", tuple(flat))
