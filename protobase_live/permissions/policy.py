"""Policies: all rules, and what they come to for one identity and one collection."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, cast

from protobase_live.errors import ValidationError
from protobase_live.model import values
from protobase_live.model.arguments import require
from protobase_live.model.names import is_reserved
from protobase_live.permissions.asker import Asker
from protobase_live.permissions.grant import EVERYTHING, NOTHING, SERVER, Grant
from protobase_live.permissions.rule import Rule

MAX_RULES = 10_000
"""Most rules of a policy."""

_log = logging.getLogger(__name__)


class Policy:
    """Rules, which only allow: a collection that any of them names is denied to who no rule lets in.

    A collection that none names is open to everybody.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        """Raises ValidationError for what is no rule, and for too many."""
        self.rules = rules
        self.failures = 0
        """How often a rule has raised."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules. They can be replaced; what is open is then to be asked about again (`pb.recheck`)."""
        return self._rules

    @rules.setter
    def rules(self, given: Iterable[Rule]) -> None:
        right = "a list of rules such as [pb.Rule('tasks')]"
        require(isinstance(cast(Any, given), Iterable), "a policy", right, given)
        found = tuple(given)
        if wrong := [each for each in found if not _is_rule(each)]:
            raise ValidationError(
                f"a policy has rules such as pb.Rule('tasks'), not {values.short(wrong[0])}"
            )
        if len(found) > MAX_RULES:
            raise ValidationError(f"a policy has {len(found)} rules; at most {MAX_RULES} are allowed")
        self._rules = found
        self._told: set[Rule] = set()

    def __repr__(self) -> str:
        return f"<Policy of {len(self._rules)} rules>"

    def covers(self, collection: str) -> bool:
        """Whether the collection is denied to who no rule lets in: one that some rule names.

        Where there are rules at all, so are the server and its own collections.
        """
        own = bool(self._rules) and (collection == SERVER or is_reserved(collection))
        return own or any(rule.covers(collection) for rule in self._rules)

    def grant(self, asker: Asker, collection: str) -> Grant:
        """What ``asker`` may do with the collection: the union of what the rules allow."""
        if not self.covers(collection):
            return EVERYTHING
        grants = [self._of(rule, asker) for rule in self._rules if rule.covers(collection)]
        return Grant(
            tuple(scope for each in grants for scope in each.reads),
            tuple(scope for each in grants for scope in each.writes),
            any(each.presence for each in grants),
            any(each.admin for each in grants),
        )

    def _of(self, rule: Rule, asker: Asker) -> Grant:
        """What one rule allows; one that raises allows nothing, and is told of once, without what it said."""
        try:
            return rule.grant(asker)
        except Exception as error:
            self.failures += 1
            if rule not in self._told:
                self._told.add(rule)
                number = self._rules.index(rule) + 1
                _log.error(
                    "rule %d, of %r, failed and allows nothing: %s",
                    number,
                    rule.pattern,
                    type(error).__name__,
                    extra={"event": "rule_failed"},
                )
            return NOTHING


def _is_rule(given: Any) -> bool:
    return isinstance(given, Rule)
