"""The words of a query's text, and the messages that point at them.

- A name is letters, digits and underscores; any other is put in backquotes, a backquote within doubled.
- A text is in single or double quotes. A backslash begins an escape: ``\\\\``, ``\\'``, ``\\"``, ``\\n``,
  ``\\t``, ``\\r`` and JSON's ``\\uXXXX``. Everything else stands for itself, line ends too.
- A number is ``42``, ``1.5`` or ``2e10``.
- A collection's name is everything up to a space, a parenthesis, a comma or a quote.

Keywords are the same in upper and lower case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from protobase_live.errors import ValidationError
from protobase_live.model.atoms import unknown
from protobase_live.model.values import MAX_INT_DIGITS

Kind = Literal["word", "name", "text", "number", "symbol", "end"]

SHOWN_CHARS = 72
"""How much of a long line a message shows."""

MAX_MESSAGE_CHARS = 400
"""Longest message, without the line it shows; the rest is cut off."""

KEYWORDS = frozenset((
    "where", "having", "select", "distinct", "order", "group", "limit", "offset", "unnest", "traverse",
    "union", "join", "inner", "left", "right", "full", "on", "as",
    "and", "or", "not", "in", "between", "is", "contains", "starts", "like", "true", "false", "none", "null",
))  # fmt: skip
"""Words that name a field or a collection only in backquotes."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<word>[^\W\d]\w*)
    | (?P<name>`(?:[^`]|``)*`)
    | (?P<text>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*")
    | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?!\w))
    | (?P<symbol>==|!=|<>|<=|>=|[-=<>+*/%().,:\[\]])
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?P<time>T[\d:.]*)?")
_COLLECTION = re.compile(r"""[^\s()`'",]+""")
_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\.", re.DOTALL)
_ESCAPED = {"\\\\": "\\", "\\'": "'", '\\"': '"', "\\n": "\n", "\\t": "\t", "\\r": "\r"}


class Misread(ValidationError):
    """A ValidationError that shows its place in the text."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the text: what it is, what it says, and where it stands."""

    kind: Kind
    value: Any
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The word in lower case; empty for what is no word."""
        return self.value.lower() if self.kind == "word" else ""


class Tokens:
    """A text that is read word by word; ``next`` is the word that has not been taken."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.next = self._scan(0)

    def take(self) -> Token:
        """The next word; reading goes on behind it."""
        taken = self.next
        self.next = self._scan(taken.end)
        return taken

    def has(self, *symbols: str) -> bool:
        """Whether the next word is one of these symbols."""
        return self.next.kind == "symbol" and self.next.value in symbols

    def skip(self, symbol: str) -> bool:
        """Take the next word if it is this symbol; whether it was."""
        return self.has(symbol) and bool(self.take())

    def skip_word(self, *words: str) -> bool:
        """Take the next word if it is one of these keywords; whether it was."""
        return self.next.keyword in words and bool(self.take())

    def expect(self, symbol: str) -> None:
        """Take this symbol, or raise ValidationError."""
        if not self.skip(symbol):
            raise self.unexpected(f"'{symbol}'")

    def expect_word(self, word: str) -> None:
        """Take this keyword, or raise ValidationError."""
        if not self.skip_word(word):
            raise self.unexpected(f"'{word}'")

    def name(self, what: str) -> str:
        """Take a name that is no keyword or stands in backquotes, or raise ValidationError."""
        if self.next.keyword in KEYWORDS:
            word = self.next.value
            raise self.mistake(f"expected {what}, found the keyword '{word}'; a name is written `{word}`")
        if self.next.kind not in ("word", "name"):
            raise self.unexpected(what)
        return self.take().value

    def collection(self) -> str:
        """Take the name of a collection, or raise ValidationError."""
        found = _COLLECTION.match(self.text, self.next.start)
        if found is None or self.next.kind not in ("word", "number") or found[0].lower() in KEYWORDS:
            return self.name("the name of a collection")
        self.next = self._scan(found.end())
        return found[0]

    def unexpected(self, expected: str, words: Iterable[str] = ()) -> ValidationError:
        """The error that the next word is not what is expected; ``words`` are the keywords it could be."""
        known = list(words)
        if known and self.next.keyword:
            return self.mistake(unknown(f"expected {expected}, found", self.next.keyword, known))
        return self.mistake(f"expected {expected}, found {self._found()}")

    def mistake(self, message: str, token: Token | None = None) -> ValidationError:
        """An error at a word, the next one without another."""
        return _mistake(self.text, (token or self.next).start, message)

    @contextmanager
    def located(self, token: Token) -> Generator[None]:
        """Shows where the text says what raises ValidationError within the block."""
        try:
            yield
        except Misread:
            raise
        except ValidationError as error:
            raise self.mistake(str(error), token) from None

    def _found(self) -> str:
        if self.next.kind == "end":
            return "the end"
        said = self.text[self.next.start : self.next.end]
        return said if self.next.kind == "text" else f"'{said}'"

    def _scan(self, position: int) -> Token:
        found = _TOKEN.match(self.text, position)
        if found is None or found.lastgroup is None:
            raise _strange(self.text, position)
        kind: Any = found.lastgroup
        start = found.start(kind)
        if kind == "number" and (moment := _MOMENT.match(self.text, start)):
            word = "datetime" if moment["time"] else "date"
            raise _mistake(
                self.text, start, f"this is a difference of numbers; write {word} '{moment[0]}', or spaces"
            )
        try:
            return Token(kind, _READ[kind](found[kind]), start, found.end())
        except ValidationError as error:
            raise _mistake(self.text, start, str(error)) from None


def _strange(text: str, position: int) -> ValidationError:
    """The error that no word begins here."""
    start = position + len(text[position:]) - len(text[position:].lstrip())
    found = text[start]
    if found in "'\"":
        return _mistake(text, start, f"this text has no closing {found}")
    if found == "`":
        return _mistake(text, start, "this name has no closing `")
    if found.isdigit():
        return _mistake(text, start, "this is no number; a name that begins with a digit is put in `")
    return _mistake(text, start, f"the character {found!r} means nothing here; a name with it is put in `")


def _mistake(text: str, position: int, message: str) -> ValidationError:
    """An error that shows the line of ``position`` with a caret below it."""
    before = text[:position]
    line, column = before.count("\n") + 1, position - (before.rfind("\n") + 1)
    shown = text.split("\n")[line - 1]
    cut = max(0, column - SHOWN_CHARS // 2)
    shown = "".join(each if each.isprintable() else " " for each in shown[cut : cut + SHOWN_CHARS])
    where = f"line {line}, column {column + 1}" if "\n" in text.strip() else f"column {column + 1}"
    if len(message) > MAX_MESSAGE_CHARS:
        message = f"{message[:MAX_MESSAGE_CHARS]}..."
    return Misread(f"{where}: {message}\n  {shown}\n  {' ' * (column - cut)}^")


def _name(quoted: str) -> str:
    if quoted == "``":
        raise ValidationError("a name is not empty")
    return quoted[1:-1].replace("``", "`")


def _text(quoted: str) -> str:
    return _ESCAPE.sub(_unescaped, quoted[1:-1])


def _unescaped(found: re.Match[str]) -> str:
    escape = found[0]
    if escape.startswith("\\u") and len(escape) > 2:
        return json.loads(f'"{escape}"')
    if escape not in _ESCAPED:
        raise ValidationError(f"{escape} is no escape; there are \\\\ \\' \\\" \\n \\t \\r and \\uXXXX")
    return _ESCAPED[escape]


def _number(digits: str) -> int | float:
    if len(digits) > MAX_INT_DIGITS:
        raise ValidationError(f"a number has at most {MAX_INT_DIGITS} digits")
    return int(digits) if digits.isdecimal() else float(digits)


_READ: dict[str, Any] = {
    "word": str,
    "name": _name,
    "text": _text,
    "number": _number,
    "symbol": str,
    "end": str,
}
