"""A program as users write it. Type checkers read it, nobody runs it: see `test_typing`."""

import protobase_live as pb
from protobase_live import F


class Task(pb.Atom):
    title: str
    owner: str | None = None
    done: bool = False
    votes: pb.Counter = 0
    labels: pb.Set[str] = set()
    log: pb.List[str] = []
    body: pb.Text = ""
    likes: pb.CountedSet[str] = {}


async def write(db: pb.Database | pb.RemoteDatabase) -> None:
    tasks = await db.collection("tasks", Task)
    key: str = await tasks.insert(Task(title="x", votes=3, labels={"a"}, log=["x"], body="b", likes={"a": 2}))
    await tasks.update(key, owner="ann", durability="majority")
    await tasks.field(key, "votes").add(1)
    await tasks.field(key, "votes", pb.Counter).add(1)
    await tasks.field(key, "labels", pb.Set[str]).add("b")
    await tasks.field(key, "body", pb.Text).append("b")
    task = await tasks.get(key)
    if task is not None:
        votes: int = task.votes + 1
        print(votes, sorted(task.labels), task.log[0].upper(), task.likes["a"] + 1, task._key)
    for found, each in (await tasks.items()).items():
        print(found.upper(), each.title.upper())
    for misfit in (await tasks.misfits()).values():
        print(misfit.key, misfit.error)


async def read(db: pb.Database) -> int:
    rows = await db.query(pb.Query("tasks", Task).where(~F.done & (F.title == "x")).order_by("-title"))
    print(rows[0].title, await db.query("tasks where not done"))
    tasks = await db.collection("tasks", Task, on_invalid="raw")
    async with db.live("tasks") as live, tasks.changes() as changes, tasks.presence({"at": 1}) as presence:
        print(live.rows, presence.states)
        async for change in changes:
            print(change.kind, change.after)

    async def count(tx: pb.Transaction) -> int:
        return await tx.collection("tasks", Task).count()

    def forget(tx: pb.Transaction) -> None:
        tx["tasks"].delete("k")

    await db.transact(forget)
    return await db.transact(count) + 1


async def main() -> None:
    async with pb.open("memory:") as db, pb.connect("ws://127.0.0.1:8765/live", token="t") as remote:
        await write(db)
        await write(remote)
        await read(db)
    database: pb.Database = await pb.open("memory:")
    await database.close()
