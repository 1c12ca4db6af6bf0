"""The gates of one document: what is asked before something is taken of who is bound by rules."""

from __future__ import annotations

from protobase_live.document.held import LOG, Sender
from protobase_live.document.judge import Judge, Rules
from protobase_live.protocol.yjs.structs import Foresight, Gate

MAX_GATES = 100
"""Judges whose gates are kept; when there are more, that begins anew."""


class Gates:
    """Each judge has one gate, since what he lets never changes: who may write something else has another."""

    def __init__(self, rules: Rules, foresight: Foresight) -> None:
        self._rules = rules
        self._foresight = foresight
        self._gates: dict[Judge | None, Gate | None] = {}

    def of(self, sender: Sender) -> Gate | None:
        """The gate of what somebody sends; None where he may write everything."""
        if sender is LOG:
            return None
        try:
            return self._gates[sender.judge]
        except KeyError:
            return self._made(sender.judge)

    def _made(self, judge: Judge | None) -> Gate | None:
        if len(self._gates) >= MAX_GATES:
            self._gates.clear()
        bound = self._rules.bind(judge)
        gate = self._gates[judge] = None if bound is None else Gate(self._foresight, bound.lets)
        return gate
