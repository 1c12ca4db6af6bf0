"""The server: keeps the note in ./data, and says what it says after each change."""

from __future__ import annotations

import asyncio

import protobase_live as pb


def who(token: str | None) -> str:
    """Who a client is by its token. Here everybody is believed; yours checks a session or a signature."""
    return token or "somebody"


async def follow(db: pb.Database) -> None:
    """Python sees every change, with its author, and reads the same document."""
    note = await db.collection("note")
    text = await note.xml_fragment("default")  # where TipTap keeps its document
    async with note.changes() as changes:
        async for change in changes:
            print(f"{change.author}: {await text.read('markdown')!r}", flush=True)


async def main() -> None:
    """Serve until Ctrl-C."""
    pages = ["http://127.0.0.1:8000", "http://localhost:8000"]
    async with pb.open("file:./data") as db, pb.Server(db, port=8765, authenticate=who, origins=pages):
        await follow(db)


if __name__ == "__main__":
    asyncio.run(main())
