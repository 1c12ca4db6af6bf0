"""Transactions: buffered, all or nothing, checked."""

import gc
import warnings
from random import Random

import pytest

from protobase_live.errors import Closed, Conflict, InvalidName, LimitExceeded, RecordMissing, ValidationError
from protobase_live.handles import ids_from
from protobase_live.model.atoms import Atom
from protobase_live.structures import Counter
from protobase_live.transactions import Transaction, TransactionLimits


class Task(Atom):
    title: str
    done: bool = False
    votes: Counter = 0


async def test_writes_commit_together(backend):
    async with Transaction(backend, author="ann") as tx:
        tx["tasks"].insert({"title": "a"}, key="a")
        tx["audit"].insert({"what": "added a"}, key="1")
        assert backend.state == {}
    assert len(backend.commits) == 1
    assert backend.commits[0][2] == "ann"
    assert tx.receipt.cursors == {"tasks": "1", "audit": "1"}
    async with Transaction(backend) as tx:
        assert await tx["tasks"].get("a") == {"title": "a"}
        assert await tx["audit"].get("1") == {"what": "added a"}


async def test_a_block_that_raises_commits_nothing(backend):
    tx = Transaction(backend)

    async def scenario():
        async with tx:
            tx["tasks"].insert({"title": "a"}, key="a")
            raise KeyError

    with pytest.raises(KeyError):
        await scenario()
    assert backend.commits == []
    with pytest.raises(Closed, match="did not commit"):
        tx.receipt  # noqa: B018


async def test_nothing_done_commits_nothing(backend):
    async with Transaction(backend) as tx:
        pass
    assert backend.commits == []
    assert tx.receipt.cursors == {}


async def test_writes_need_no_await_and_never_warn(backend):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with Transaction(backend, ids=ids_from(Random(1))) as tx:
            tx["tasks"].insert(title="a")
            tx["tasks"].set("tags").add("x", "y")
            key = await tx["tasks"].insert(title="b")
            tags = await tx["tasks"].set("tags")
            await tags.remove("x")
        gc.collect()
    async with Transaction(backend) as tx:
        assert await tx["tasks"].count() == 2
        assert await tx["tasks"].get(key) == {"title": "b"}
        assert await tx["tasks"].set("tags").values() == {"y"}


async def test_arguments_are_taken_as_they_are_at_the_call(backend):
    row = {"title": "a", "list": [1]}
    async with Transaction(backend) as tx:
        tx["tasks"].insert(row, key="a")
        row["list"].append(2)
        seen = await tx["tasks"].get("a")
        seen["list"].append(3)
        assert await tx["tasks"].get("a") == {"title": "a", "list": [1]}
    async with Transaction(backend) as tx:
        assert await tx["tasks"].get("a") == {"title": "a", "list": [1]}


async def test_atoms(backend):
    async with Transaction(backend) as tx:
        tasks = tx.collection("tasks", Task)
        tasks.insert(Task(title="a"), key="a")
        tx["tasks"].insert(Task(title="b", done=True), key="b")
        tasks.field("a", "votes").add(2)
        assert await tasks.get("a") == Task(title="a", votes=2)
        assert await tasks.field("a", "votes").value() == 2
        with pytest.raises(ValidationError, match="Task 'a' has no field 'titel'"):
            tasks.update("a", titel="c")
    async with Transaction(backend) as tx:
        assert await tx.collection("tasks", Task).items() == {
            "a": Task(title="a", votes=2),
            "b": Task(title="b", done=True),
        }


async def test_a_changed_read_is_a_conflict(backend):
    async with Transaction(backend) as tx:
        tx["tasks"].insert(title="a", key="a")

    async def scenario():
        async with Transaction(backend) as tx:
            task = await tx["tasks"].get("a")
            async with Transaction(backend) as other:
                other["tasks"].update("a", title="b")
            tx["tasks"].update("a", title=task["title"] + "!")

    with pytest.raises(Conflict):
        await scenario()
    async with Transaction(backend) as tx:
        assert await tx["tasks"].get("a") == {"title": "b"}


async def test_a_read_only_transaction_is_checked(backend):
    async def scenario():
        async with Transaction(backend) as tx:
            assert await tx["tasks"].count() == 0
            async with Transaction(backend) as other:
                other["tasks"].insert(title="b", key="b")

    with pytest.raises(Conflict):
        await scenario()


async def test_a_listing_notices_a_new_record(backend):
    async def scenario():
        async with Transaction(backend) as tx:
            tx["tasks"].insert(title="a", key="a")
            assert await tx["tasks"].keys() == ["a"]
            async with Transaction(backend) as other:
                other["tasks"].insert(title="b", key="b")

    with pytest.raises(Conflict):
        await scenario()


async def test_two_answers_to_one_question_are_a_conflict_at_once(backend):
    async def scenario():
        async with Transaction(backend) as tx:
            await tx["tasks"].count()
            async with Transaction(backend) as other:
                other["tasks"].insert(title="b", key="b")
            await tx["tasks"].count()

    with pytest.raises(Conflict, match="changed while the transaction was reading"):
        await scenario()


async def test_blind_writes_read_nothing(backend):
    async with Transaction(backend) as tx:
        tx["tasks"].insert(title="a", key="a")
        tx["tasks"].counter("n").add(1)
    assert backend.reads == 0
    assert list(backend.commits[0][1]) == []


async def test_every_use_after_the_end_raises_closed(backend):
    async with Transaction(backend) as tx:
        tasks = tx["tasks"]
        tags = tasks.set("tags")
    for use in (lambda: tx["tasks"], lambda: tasks.insert(title="a"), lambda: tags.add("a")):
        with pytest.raises(Closed, match="has ended"):
            use()
    with pytest.raises(Closed, match="has ended"):
        await tasks.get("a")
    with pytest.raises(Closed, match="runs once"):
        async with tx:
            pass


async def test_use_before_the_start_raises_closed(backend):
    with pytest.raises(Closed, match="async with"):
        Transaction(backend)["tasks"]


async def test_names_and_values_are_checked_at_the_call(backend):
    async with Transaction(backend) as tx:
        with pytest.raises(InvalidName):
            tx["a//b"]
        with pytest.raises(InvalidName):
            tx["tasks"].set("records")
        with pytest.raises(ValidationError):
            tx["tasks"].insert(title=object(), key="a")
        with pytest.raises(ValidationError, match="not part of a transaction"):
            tx["tasks"].changes()


async def test_a_field_of_a_deleted_record_is_missing(backend):
    async with Transaction(backend) as tx:
        tasks = tx.collection("tasks", Task)
        tasks.insert(title="a", key="a")
        tasks.delete("a")
        with pytest.raises(RecordMissing, match="no record 'a'"):
            await tasks.field("a", "votes").value()


async def test_pages_see_own_writes(backend, monkeypatch):
    monkeypatch.setattr("protobase_live.handles.collection.PAGE_RECORDS", 3)
    async with Transaction(backend) as tx:
        for n in range(10):
            tx["tasks"].insert(n=n, key=f"k{n}")
    async with Transaction(backend) as tx:
        for n in range(0, 10, 2):
            tx["tasks"].delete(f"k{n}")
        tx["tasks"].put({"n": -1}, key="k45")
        assert await tx["tasks"].keys() == ["k1", "k3", "k45", "k5", "k7", "k9"]
        assert list(await tx["tasks"].items()) == await tx["tasks"].keys()
        assert await tx["tasks"].count() == 6


async def test_limits(backend):
    limits = TransactionLimits(transaction_operations=2, transaction_bytes=1000, transaction_reads=2)
    async with Transaction(backend, limits=limits) as tx:
        with pytest.raises(LimitExceeded, match=r"1000 bytes \(transaction_bytes\)"):
            tx["tasks"].insert(text="x" * 1000, key="a")
        tx["tasks"].insert(n=1, key="a")
        tx["tasks"].insert(n=2, key="b")
        with pytest.raises(LimitExceeded, match=r"2 operations \(transaction_operations\)"):
            tx["tasks"].insert(n=3, key="c")
        await tx["other"].get("a")
        await tx["other"].get("b")
        await tx["other"].get("b")
        with pytest.raises(LimitExceeded, match=r"2 questions \(transaction_reads\)"):
            await tx["other"].get("c")
    assert len(backend.commits[0][0]["tasks"]) == 2


async def test_a_transaction_is_durable_as_a_whole(backend):
    with pytest.raises(ValidationError, match=r"tasks: .* as a whole: db.transaction\(durability=.*\)"):
        async with Transaction(backend) as tx:
            tx["tasks"].put({"n": 1}, key="k", durability="majority")
    assert backend.commits == []
