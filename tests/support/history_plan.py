"""Random histories of Yjs clients, as data: what `tests/interop/histories/history.mjs` carries out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any

Step = tuple[Any, ...]

FEATURES = (
    "halves", "formats", "embeds", "embedded-types", "nested", "xml-in-maps", "delicate", "subdocuments",
    "undo", "shuffled", "duplicated", "merged", "gaps", "lost", "peers", "disconnects", "kills",
    "exports", "asks",
)  # fmt: skip
"""What histories may do, beside plain edits that are sent in order; each can be left out.

halves          characters of two code units are cut in half
formats         marks on texts
embeds          things that stand within texts
embedded-types  shared types among them
nested          shared types in maps and arrays
xml-in-maps     XML elements among them
delicate        big integers, the zero below zero, and objects whose keys are not in the order of the alphabet
subdocuments    documents within documents, with options
undo            undo and redo
shuffled        updates travel in any order
duplicated      some travel more than once
merged          some travel as one
gaps            some travel after what builds on them
lost            some never travel, while what builds on them does
peers           some travel from client to client first
disconnects     clients go offline and return
kills           the server is killed (SIGKILL) and started again
asks            a server that asks again and again for what it lacks is a failure
exports         the end is exported and imported; not where there are subdocuments, which have no export
"""

EDITS = {
    "text.insert": 8, "text.delete": 6, "text.format": 2, "text.embed": 1, "map.set": 3, "map.delete": 1,
    "array.insert": 3, "array.delete": 2, "xml.insert": 2, "xml.delete": 1, "xml.attribute": 1,
    "record.put": 2, "record.field": 3, "record.delete": 1, "several": 2,
}  # fmt: skip
"""The edits and how often they come."""

MOST_KILLS = 2
MOST_SEED = 2**31


@dataclass(frozen=True)
class History:
    """Some clients of one collection, and what happens to them."""

    name: str
    clients: int
    features: tuple[str, ...]
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return json.dumps({**asdict(self), "steps": self.steps})

    @staticmethod
    def parse(text: str) -> History:
        """What `str` gave."""
        form = json.loads(text)
        return History(
            form["name"],
            form["clients"],
            tuple(form["features"]),
            tuple(tuple(step) for step in form["steps"]),
        )


def history(seed: str, features: tuple[str, ...]) -> History:
    """The history of a seed. Most use some of the features only: a fault is met without the others."""
    random = Random(seed)
    chosen = tuple(f for f in features if random.random() < 0.6)
    if "peers" in chosen:
        # What a peer was given of what is then never sent is his alone: the server holds what builds on it,
        # and cannot know that he could do with it.
        chosen = tuple(f for f in chosen if f != "lost")
    clients = random.randint(1, 4)
    draw = _Draw(random, clients, chosen)
    steps = tuple(step for _ in range(random.randint(8, 45)) for step in draw.steps())
    last = tuple(("lose", client) for client in range(clients) if "lost" in chosen and random.random() < 0.5)
    return History(f"h{seed}", clients, chosen, (*_few_kills(steps), *last))


class _Draw:
    """Draws one step after another."""

    def __init__(self, random: Random, clients: int, features: tuple[str, ...]) -> None:
        self._random = random
        self._clients = clients
        weights = {
            "edit": 12, "send": 6, "receive": 5, "undo": 1, "redo": 1, "release": 1, "lose": 1, "peer": 2,
            "offline": 2, "online": 2, "kill": 1,
        }  # fmt: skip
        needs = {
            "undo": "undo", "redo": "undo", "release": "gaps", "lose": "lost", "peer": "peers",
            "offline": "disconnects", "online": "disconnects", "kill": "kills",
        }  # fmt: skip
        self._weights = {n: w for n, w in weights.items() if n not in needs or needs[n] in features}

    def steps(self) -> Iterator[Step]:
        """The next thing to happen: a step, or several that belong together."""
        action = _weighted(self._random, self._weights)
        if action == "edit":
            client = self._client()
            for _ in range(self._random.randint(1, 3)):
                yield "edit", client, _weighted(self._random, EDITS), self._seed()
        elif action == "kill":
            yield (action,)
        elif action == "peer":
            yield action, self._client(), self._client(), self._seed()
        elif action in ("send", "receive", "offline"):
            yield action, self._client(), self._seed()
        else:
            yield action, self._client()

    def _client(self) -> int:
        return self._random.randrange(self._clients)

    def _seed(self) -> int:
        return self._random.randrange(MOST_SEED)


def _weighted(random: Random, weights: dict[str, int]) -> str:
    return random.choices(tuple(weights), tuple(weights.values()))[0]


def _few_kills(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Histories wait for each other at a kill, so they have few."""
    kills = [at for at, step in enumerate(steps) if step[0] == "kill"]
    dropped = set(kills[MOST_KILLS:])
    return tuple(step for at, step in enumerate(steps) if at not in dropped)


def smaller(history: History) -> Iterator[History]:
    """Histories that leave something out, the largest parts first."""
    for client in range(history.clients if history.clients > 1 else 0):
        yield _without_client(history, client)
    size = len(history.steps) // 2
    while size:
        for start in range(0, len(history.steps), size):
            yield replace(history, steps=history.steps[:start] + history.steps[start + size :])
        size //= 2
    for feature in history.features:
        yield replace(history, features=tuple(f for f in history.features if f != feature))


def _without_client(history: History, client: int) -> History:
    """The others keep what they do, under new numbers; those after it would otherwise be other clients."""
    counts = {"kill": 0, "peer": 2}
    steps: list[Step] = []
    for action, *args in history.steps:
        n = counts.get(action, 1)
        if client not in args[:n]:
            steps.append((action, *(arg - (arg > client) for arg in args[:n]), *args[n:]))
    return replace(history, clients=history.clients - 1, steps=tuple(steps))
