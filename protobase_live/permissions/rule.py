"""Rules: what somebody may do with the collections of a pattern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from protobase_live.errors import ValidationError
from protobase_live.model import values
from protobase_live.model.names import RECORDS_NAME, check_field, known_structure
from protobase_live.permissions.asker import Asker, ClaimMissing, bound
from protobase_live.permissions.condition import read_condition
from protobase_live.permissions.grant import ACTIONS, NOTHING, Action, Grant, ReadScope, WriteScope
from protobase_live.permissions.pattern import Pattern
from protobase_live.permissions.who import Who, read_who
from protobase_live.query.ast.expressions import Expr


class Rule:
    """Lets whoever it is about do something with the collections that its pattern names; it forbids nothing.

    ::

        Rule("boards/*", who={"team": "red"}, actions=["read", "presence"])
        Rule("tasks", actions=["read", "write"], where=F.owner == pb.identity.sub)
    """

    def __init__(
        self,
        pattern: str,
        who: Who = None,
        actions: Iterable[str] | str = ("read",),
        *,
        where: Expr | str | None = None,
        where_old: Expr | str | None = None,
        where_new: Expr | str | None = None,
        fields: Iterable[str] | None = None,
        structures: Iterable[str] | None = None,
    ) -> None:
        """``pattern`` is the name of a collection; ``*`` in it stands for any text, slashes included.

        ``actions`` are of ``read``, ``write``, ``presence`` and ``admin``, as a list or with spaces between.
        What follows limits reading and writing to a part of the collection: with any of it, only to what is
        named. ``where`` are the rows that may be read; ``where_old`` and ``where_new`` say which may be
        written, by the row before and after, and are ``where`` if they are not given. ``fields`` are those of
        records. ``structures`` are the other ones of the collection; ``records`` among them are all its
        records. Conditions are expressions, such as ``F.owner == pb.identity.sub``, or text of the query
        language.

        Raises ValidationError for what is none of these.
        """
        self._pattern = Pattern(pattern)
        self._is_about = read_who(who)
        self.actions: frozenset[Action] = _actions(actions)
        self.where = _condition("where", where)
        self.where_old = self.where if where_old is None else _condition("where_old", where_old)
        self.where_new = self.where if where_new is None else _condition("where_new", where_new)
        self.fields = None if fields is None else frozenset(map(check_field, _names("fields", fields)))
        named = None if structures is None else _names("structures", structures)
        self._records_named = named is not None and RECORDS_NAME in named
        self.structures = None if named is None else frozenset(_structures(named))
        self._check_limits()

    def __repr__(self) -> str:
        return f"Rule({self._pattern.text!r}, actions={sorted(self.actions)})"

    @property
    def pattern(self) -> str:
        """The names that it is about, as it was given."""
        return self._pattern.text

    def covers(self, collection: str) -> bool:
        """Whether the pattern names the collection."""
        return self._pattern.names(collection)

    def grant(self, asker: Asker) -> Grant:
        """What it lets ``asker`` do with a collection that it covers.

        Raises whatever a function of the program raises, and ValidationError for a claim that is no value.
        """
        if not self._is_about(asker):
            return NOTHING
        try:
            return Grant(
                (self._read_scope(asker),) if "read" in self.actions else (),
                (self._write_scope(asker),) if "write" in self.actions else (),
                "presence" in self.actions,
                "admin" in self.actions,
            )
        except ClaimMissing:
            return NOTHING

    def _read_scope(self, asker: Asker) -> ReadScope:
        limited = self.where is not None or self.fields is not None
        return ReadScope(*self._limits(limited), _bound(self.where, asker))

    def _write_scope(self, asker: Asker) -> WriteScope:
        old, new = _bound(self.where_old, asker), _bound(self.where_new, asker)
        limited = old is not None or new is not None or self.fields is not None
        return WriteScope(*self._limits(limited), old, new)

    def _limits(self, limited: bool) -> tuple[bool, frozenset[str] | None, frozenset[str] | None]:
        """``limited``: to some rows or fields of records, beside structures."""
        if self.structures is None:
            return True, self.fields, frozenset() if limited else None
        return limited or self._records_named, self.fields, self.structures

    def _check_limits(self) -> None:
        limits = self.where, self.where_old, self.where_new, self.fields, self.structures
        if self.actions.isdisjoint({"read", "write"}) and any(each is not None for each in limits):
            raise ValidationError(
                "where, where_old, where_new, fields and structures limit reading and writing: "
                f"this rule allows neither, but {', '.join(sorted(self.actions))}"
            )
        if self._records_named and any(each is not None for each in limits[:-1]):
            raise ValidationError(
                f"structures names {RECORDS_NAME!r}, which are all records; where and fields name some: "
                "leave out one of them"
            )


def _bound(condition: Expr | None, asker: Asker) -> Expr | None:
    return None if condition is None else bound(condition, asker)


def _actions(given: Any) -> frozenset[Action]:
    found = _names("actions", given.split() if isinstance(given, str) else given)
    if wrong := [name for name in found if name not in ACTIONS]:
        raise ValidationError(f"actions has {values.short(wrong[0])}; expected of {', '.join(ACTIONS)}")
    if not found:
        raise ValidationError(f"actions is empty; expected at least one of {', '.join(ACTIONS)}")
    return frozenset(cast("list[Action]", found))


def _names(what: str, given: Any) -> list[str]:
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise ValidationError(f"{what} is {values.short(given)}; expected a list of names")
    found = list(cast("Iterable[Any]", given))
    if wrong := [each for each in found if not isinstance(each, str)]:
        raise ValidationError(f"{what} has {values.short(wrong[0])}; expected names")
    return found


def _structures(named: Iterable[str]) -> Iterable[str]:
    return (known_structure(name) for name in named if name != RECORDS_NAME)


def _condition(what: str, given: Any) -> Expr | None:
    if given is None:
        return None
    try:
        return read_condition(given)
    except ValidationError as error:
        raise ValidationError(f"{what}: {error}") from None
