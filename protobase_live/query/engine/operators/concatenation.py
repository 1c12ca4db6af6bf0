"""The rows of several inputs, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from protobase_live.query.engine.operator import Changes, Delta, Identity, Item, Operator, net


class Concatenation(Operator):
    """The items of all inputs. The identity is (number of the input, identity), the rank ``()``."""

    name = "concatenation"

    def __init__(self, inputs: Sequence[Operator]) -> None:
        self.inputs = tuple(inputs)

    def fetch(self) -> Iterator[list[Item]]:
        for number, input in enumerate(self.inputs):
            for batch in input.fetch():
                yield _numbered(number, batch)

    def push(self, changes: Changes) -> Delta:
        before: dict[Identity, Item] = {}
        after: dict[Identity, Item] = {}
        for number, input in enumerate(self.inputs):
            delta = input.push(changes)
            olds = _numbered(number, (old for old, _ in delta if old is not None))
            news = _numbered(number, (new for _, new in delta if new is not None))
            before.update((item[0], item) for item in olds)
            after.update((item[0], item) for item in news)
        return net(before, after)


def _numbered(number: int, items: Iterable[Item]) -> list[Item]:
    return [((number, identity), (), row) for identity, _, row in items]
