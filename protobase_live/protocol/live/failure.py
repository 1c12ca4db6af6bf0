"""Errors on the wire: a code, a message, and whether the same request may succeed later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from protobase_live.errors import ProtoBaseError
from protobase_live.protocol.live.fields import Fields

MAX_MESSAGE_CHARS = 2000
"""Longest error message that is sent; the rest is cut off."""


@dataclass(frozen=True, slots=True)
class Failure:
    """``code`` is the name of a class of :mod:`protobase_live.errors` in snake_case."""

    code: str
    message: str
    retryable: bool

    @classmethod
    def of(cls, error: ProtoBaseError) -> Failure:
        """The failure that tells of ``error``."""
        known = next(base for base in type(error).__mro__ if base in _CODE_OF)
        return cls(_CODE_OF[known], str(error)[:MAX_MESSAGE_CHARS], error.retryable)

    @classmethod
    def parse(cls, fields: Fields) -> Failure:
        """Raises ProtocolError."""
        return cls(fields.text("code"), fields.text("message"), fields.flag("retryable"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"code": self.code, "message": self.message, "retryable": self.retryable}

    def error(self) -> ProtoBaseError:
        """The error this tells of; a code that is not known here gives a ProtoBaseError."""
        known = _CLASS_OF.get(self.code)
        error = known(self.message) if known else ProtoBaseError(f"{self.code}: {self.message}")
        error.retryable = self.retryable
        return error


def _classes(base: type[ProtoBaseError]) -> Iterator[type[ProtoBaseError]]:
    yield base
    for below in base.__subclasses__():
        if below.__module__ == ProtoBaseError.__module__:
            yield from _classes(below)


def _snake_case(name: str) -> str:
    """``ProtoBaseError`` is ``proto_base_error``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


_CODE_OF = {error: _snake_case(error.__name__) for error in _classes(ProtoBaseError)}
_CLASS_OF = {code: error for error, code in _CODE_OF.items()}
