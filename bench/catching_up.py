"""How fast a node takes what it has missed: so many small commits, in the log of another one."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from pycrdt import Doc, Map, Text

from bench.node_process import Nodes
from protobase_storage import Commit, Joint, Part
from protobase_storage.file import FileStorage

COLLECTIONS = 100
EACH = 1_000
ORIGIN = "n1/bench"


def typing() -> list[bytes]:
    """Keystrokes at the end of a text."""
    return _updates(lambda doc, n: doc.get("text", type=Text).insert(n, chr(97 + n % 26)))


def records() -> list[bytes]:
    """Records of two fields."""
    return _updates(
        lambda doc, n: doc.get("records", type=Map).update({f"k{n}": Map({"n": n, "done": True})})
    )


def _updates(write) -> list[bytes]:
    doc, updates = Doc(), list[bytes]()
    subscription = doc.observe(lambda event: updates.append(event.update))
    for n in range(EACH):
        with doc.transaction():
            write(doc, n)
    doc.unobserve(subscription)
    return updates


def logs(updates: list[bytes], structure: str, *, joint: bool) -> Iterator[list[Commit]]:
    """The logs of all collections; if ``joint``, each two of them have all their commits in common."""
    for number in range(COLLECTIONS):
        pair = tuple(f"c{each:03}" for each in (number - number % 2, number - number % 2 + 1))
        yield [
            Commit(
                ORIGIN,
                sequence,
                f"c{number:03}",
                update,
                (Part(None, ((structure, None if structure == "text" else f"k{sequence - 1}"),)),),
                1.7e9 + sequence,
                {ORIGIN: sequence - 1} if sequence > 1 else {},
                Joint(f"{pair[0]}:{sequence}", pair) if joint else None,
            )
            for sequence, update in enumerate(updates, 1)
        ]


async def catching_up() -> None:
    """From the link of an empty node with one that has it all to the last commit durable."""
    for what, updates, structure, joint in (
        ("keystrokes", typing(), "text", False),
        ("records", records(), "records", False),
        ("records, each in a transaction over two collections", records(), "records", True),
    ):
        async with Nodes() as nodes:
            files = await FileStorage.open(nodes.folder / "n1", make_identity=lambda: "n1")
            for log in logs(updates, structure, joint=joint):
                await files.append(log)
            await files.close()
            await _measure(what, nodes)


async def _measure(what: str, nodes: Nodes) -> None:
    total, sender = COLLECTIONS * EACH, await nodes.start()
    receiver = await nodes.start()
    begun, sent, taken = perf_counter(), sender.cpu(), receiver.cpu()
    await receiver.until("storage_commits_total", total)
    seconds = perf_counter() - begun
    costs = [1e6 * (node.cpu() - before) / total for node, before in ((sender, sent), (receiver, taken))]
    print(
        f"  {total:,} {what}: {total / seconds:,.0f} /s; "
        f"CPU us a commit: {costs[0]:.1f} who sends, {costs[1]:.1f} who takes"
    )
