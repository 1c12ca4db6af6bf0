"""A backend in memory, made of the plain side of the structures."""

import copy

import pytest

from protobase_live.errors import Conflict
from protobase_live.model import values
from protobase_live.model.operations import RECORDS, Receipt
from protobase_live.structures import KINDS


class MemoryBackend:
    """Collections as plain values by target; a commit is carried out on a copy and then swapped in."""

    def __init__(self):
        self.state = {}
        self.commits = []
        self.reads = 0

    async def read(self, collection, read):
        self.reads += 1
        kind = KINDS[read.target.kind]
        return None if read.method == "open" else self._answer(kind, collection, read)

    async def commit(self, writes, checks=(), author=None, durability=None):
        for check in checks:
            if values.digest(await self.read(check.collection, check.read)) != check.digest:
                raise Conflict(f"{check.read} of {check.collection!r} has changed")
        state = copy.deepcopy(self.state)
        for collection, ops in writes.items():
            for op in ops:
                self._replay(state, collection, op)
        self.state = state
        self.commits.append((writes, checks, author))
        return Receipt({collection: str(len(self.commits)) for collection in writes})

    def _answer(self, kind, collection, read):
        value = self.state.get((collection, read.target))
        if read.target.path[0] == "records" and read.target != RECORDS:
            value = self.state[collection, RECORDS][read.target.path[1]].get(read.target.path[2])
        return copy.deepcopy(kind.answer(value, read.method, read.args))

    def _replay(self, state, collection, op):
        kind = KINDS[op.target.kind]
        if op.target.path[0] == "records" and op.target != RECORDS:
            row = state[collection, RECORDS][op.target.path[1]]
            row[op.target.path[2]] = kind.replay(row.get(op.target.path[2]), op.action, op.args)
        else:
            value = state.get((collection, op.target))
            state[collection, op.target] = kind.replay(value, op.action, op.args)


@pytest.fixture
def backend():
    return MemoryBackend()


@pytest.fixture(scope="session")
def new_backend():
    return MemoryBackend
