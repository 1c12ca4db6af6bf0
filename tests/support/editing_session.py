"""The editing session that the replays use."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "automerge-paper.json.gz"
"""A recorded session: 259,778 edits of a paper, each a character typed or deleted."""

Patch = tuple[int, int, str]
"""Position, how many characters are deleted there, what is inserted there."""


@dataclass(frozen=True, slots=True)
class Session:
    """``patches`` on an empty text give ``end``. All of it is ASCII."""

    patches: list[Patch]
    end: str


def load() -> Session:
    """The recorded session, or where it is not to be had, one made up in its form."""
    if not RECORDED.exists():
        return _made_up(Random(1), 20_000)
    with gzip.open(RECORDED) as file:
        recorded = json.load(file)
    patches = [tuple(patch) for edit in recorded["txns"] for patch in edit["patches"]]
    return Session(patches, recorded["endContent"])


def text_after(patches: list[Patch]) -> str:
    """What the patches make of an empty text."""
    text = bytearray()
    for position, deleted, inserted in patches:
        text[position : position + deleted] = inserted.encode("ascii")
    return text.decode()


def _made_up(random: Random, edits: int) -> Session:
    """Runs of typing near a cursor that moves now and then; one run in six deletes."""
    patches: list[Patch] = []
    length = cursor = 0
    while len(patches) < edits:
        cursor = random.randint(max(0, cursor - 40), min(length, cursor + 10))
        deleting = random.random() < 1 / 6
        for _ in range(random.randint(1, 40)):
            if deleting and cursor:
                cursor, length = cursor - 1, length - 1
                patches.append((cursor, 1, ""))
            elif not deleting:
                patches.append((cursor, 0, random.choice("etaoin shrdlu")))
                cursor, length = cursor + 1, length + 1
    return Session(patches, text_after(patches))
