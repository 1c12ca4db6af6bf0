"""What operators have in common that look at one item at a time and remember nothing."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator

from protobase_live.query.engine.operator import Changes, Delta, Item, Operator, net


class Stateless(Operator):
    """An operator whose items each come from one item of its input, by what `_through` makes of it.

    It must be a function of the item alone, because what was passed on before is found by asking it again.
    """

    def __init__(self, input: Operator) -> None:
        self.inputs = (input,)

    @property
    def sorted(self) -> bool:
        return self.inputs[0].sorted

    @abstractmethod
    def _through(self, items: Iterable[Item]) -> list[Item]:
        """What becomes of ``items``, in their order."""

    def fetch(self) -> Iterator[list[Item]]:
        return map(self._through, self.inputs[0].fetch())

    def push(self, changes: Changes) -> Delta:
        delta = self.inputs[0].push(changes)
        before = self._through([old for old, _ in delta if old is not None])
        after = self._through([new for _, new in delta if new is not None])
        return net({item[0]: item for item in before}, {item[0]: item for item in after})
