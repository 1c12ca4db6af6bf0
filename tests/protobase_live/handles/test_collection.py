"""Collections over a port that answers at once."""

import copy
from random import Random

import pytest

from protobase_live.errors import InvalidName, RecordExists, RecordMissing, ValidationError
from protobase_live.handles import Collection, ids_from
from protobase_live.model.atoms import Atom
from protobase_live.model.change import Change
from protobase_live.model.durability import Durability
from protobase_live.model.operations import Read, Target
from protobase_live.structures import KINDS, CountedSet, Counter, List, Set, Text


class Task(Atom):
    title: str
    done: bool = False
    votes: Counter = 0


class Other(Atom):
    title: str


class MemoryPort:
    """One value a target; remembers what it was asked."""

    def __init__(self):
        self.values = {}
        self.writes = []
        self.reads = []

    async def write(self, collection, ops, durability=None):
        self.writes.append((collection, list(ops)))
        self.durability = durability
        for op in ops:
            value = copy.deepcopy(self.values.get(op.target))
            self.values[op.target] = KINDS[op.target.kind].replay(value, op.action, op.args)

    async def read(self, collection, read):
        self.reads.append((collection, read))
        if read.method == "open":
            return None
        value = self.values.get(read.target)
        return copy.deepcopy(KINDS[read.target.kind].answer(value, read.method, read.args))


class MemorySource:
    """Gives prepared changes."""

    def __init__(self, changes=()):
        self.given = list(changes)
        self.asked = []

    def changes(self, collection, since):
        self.asked.append((collection, since))
        return self

    def presence(self, collection, state):
        return (collection, state)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        self.asked.append("closed")

    @property
    def cursor(self):
        return f"c{len(self.given)}"

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.given:
            raise StopAsyncIteration
        return self.given.pop(0)


@pytest.fixture
def port():
    return MemoryPort()


@pytest.fixture
def rows(port):
    return Collection(port, "tasks", ids=ids_from(Random(1)))


@pytest.fixture
def tasks(port):
    return Collection(port, "tasks", Task, ids=ids_from(Random(1)))


async def test_the_life_of_a_dict(rows):
    assert await rows.insert({"title": "a"}, key="t1", done=False) == "t1"
    assert await rows.get("t1") == {"title": "a", "done": False}
    await rows.update("t1", done=True)
    await rows.update("t1", {"key": 1, "title": "b"})
    assert await rows.get("t1") == {"title": "b", "done": True, "key": 1}
    await rows.put({"title": "c"}, key="t1")
    assert await rows.items() == {"t1": {"title": "c"}}
    await rows.delete("t1")
    await rows.delete("t1")
    assert await rows.get("t1") is None
    assert not await rows.contains("t1")


async def test_the_life_of_an_atom(tasks):
    await tasks.insert(Task(title="a"), key="t1")
    await tasks.insert({"title": "b", "votes": 2}, key="t2")
    await tasks.insert(title="c", key="t3")
    await tasks.update("t1", done=True)
    await tasks.put(Task(title="d"), key="t3", done=True)
    assert await tasks.items() == {
        "t1": Task(title="a", done=True),
        "t2": Task(title="b", votes=2),
        "t3": Task(title="d", done=True),
    }
    assert await tasks.get("t2") == Task(title="b", votes=2)
    assert await tasks.get("nobody") is None
    assert await tasks.count() == 3
    assert await tasks.keys() == ["t1", "t2", "t3"]


async def test_merging_fields_are_named_in_the_operation(port, tasks):
    await tasks.insert(title="a", key="t1")
    await tasks.update("t1", done=True)
    await tasks.update("t1", votes=3)
    kinds = [op.args[2] for _, ops in port.writes for op in ops]
    assert kinds == [{"votes": "counter"}, {}, {"votes": "counter"}]


async def test_keys_are_drawn_from_the_source(port, rows):
    first, second = await rows.insert(title="a"), await rows.insert(title="b")
    assert first != second
    assert all(len(key) == 22 for key in (first, second))
    assert first == await Collection(MemoryPort(), "tasks", ids=ids_from(Random(1))).insert(title="a")
    assert len(await Collection(MemoryPort(), "tasks").insert(title="a")) == 22


async def test_errors_of_the_port_pass(rows):
    await rows.insert(title="a", key="t1")
    with pytest.raises(RecordExists):
        await rows.insert(title="a", key="t1")
    with pytest.raises(RecordMissing):
        await rows.update("t2", title="a")


async def test_atoms_are_checked_before_anything_is_sent(port, tasks):
    for wrong, said in (
        (lambda: tasks.insert(title=1, key="t1"), "Task 't1': field 'title' is 1"),
        (lambda: tasks.insert(key="t1"), "Task 't1' lacks the field 'title'"),
        (lambda: tasks.update("t1", dnoe=True), "did you mean 'done'"),
        (lambda: tasks.insert(Other(title="a"), key="t1"), "holds Task records, not Other"),
        (lambda: tasks.insert(7, key="t1"), "an Atom or a mapping of fields, not int"),
        (lambda: tasks.field("t1", "title"), "no merging field 'title'"),
        (lambda: tasks.field("t1", "votes", kind="vote"), "there is no kind 'vote'"),
    ):
        with pytest.raises(ValidationError, match=said):
            wrong()
    assert port.writes == []


@pytest.mark.parametrize(
    "fields",
    [{}, {"title": 3}, {"title": "a", "titel": "b"}, {"title": "\ud800"}],
    ids=["lacks", "type", "name", "value"],
)
def test_nobody_is_told_of_a_random_key(tasks, fields):
    with pytest.raises(ValidationError, match=r"^tasks: Task(:| lacks| has)"):
        tasks.insert(**fields)


async def test_a_record_has_to_be_given(rows, tasks):
    for call in (lambda: rows.put(key="k"), lambda: rows.put(None, key="k"), lambda: rows.insert()):
        with pytest.raises(ValidationError, match="no record is given"):
            call()
    await rows.put({}, key="k")


async def test_fields_may_be_called_as_arguments_are(rows):
    await rows.insert(self=1, record=2, key="k")
    await rows.put(self=1, record=2, fields=3, key="k")
    await rows.update("k", self=4)
    await rows.insert({"key": 1}, key="l")
    assert await rows.items() == {"k": {"self": 4, "record": 2, "fields": 3}, "l": {"key": 1}}


async def test_a_record_that_does_not_fit_is_named(rows, tasks):
    await rows.insert({"title": 3}, key="t1")
    with pytest.raises(ValidationError, match="Task 't1': field 'title' is 3"):
        await tasks.get("t1")


def test_names_are_checked(port, rows):
    with pytest.raises(InvalidName):
        Collection(port, "a//b")
    with pytest.raises(InvalidName):
        rows.insert(title="a", key="")
    with pytest.raises(InvalidName):
        rows.delete(7)
    with pytest.raises(InvalidName, match="reserved"):
        rows.set("records")
    with pytest.raises(InvalidName):
        rows.field("t1", 7, kind="counter")
    with pytest.raises(ValidationError, match="not a subclass of Atom"):
        Collection(port, "tasks", dict)


@pytest.mark.parametrize("count", [0, 2, 3, 4, 7])
async def test_listings_are_read_in_pages(port, rows, monkeypatch, count):
    monkeypatch.setattr("protobase_live.handles.collection.PAGE_RECORDS", 3)
    for n in range(count):
        await rows.insert(n=n, key=f"k{n}")
    assert await rows.items() == {f"k{n}": {"n": n} for n in range(count)}
    assert await rows.keys() == [f"k{n}" for n in range(count)]
    assert all(read.args[1] == 3 for _, read in port.reads)
    assert len(port.reads) == 2 * (count // 3 + 1)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "records"])
async def test_structures_are_opened_by_awaiting_their_handle(port, rows, kind):
    handle = await getattr(rows, kind)("shelf/1")
    assert handle.kind == kind
    assert port.reads == [("tasks", Read(Target(kind, ("shelf/1",)), "open"))]


async def test_structures_can_be_used_at_once(rows):
    await rows.set("tags").add("urgent")
    assert await (await rows.set("tags")).values() == {"urgent"}
    await rows.text("notes").append("hello")
    assert await rows.text("notes").value() == "hello"


async def test_the_kind_of_a_field(port, rows, tasks):
    await tasks.field("t1", "votes").add(2)
    await rows.field("t1", "tags", kind="set").add("x")
    await rows.field("t1", "body", Text).append("x")
    targets = [op.target for _, ops in port.writes for op in ops]
    assert targets == [
        Target("counter", ("records", "t1", "votes")),
        Target("set", ("records", "t1", "tags")),
        Target("text", ("records", "t1", "body")),
    ]
    assert isinstance(rows.field("t1", "tags", Set), Set)


class Board(Atom):
    tags: Set[str]
    marks: List[float]
    votes: CountedSet[str]
    anything: Set


@pytest.mark.parametrize(
    "write",
    [
        lambda board: board.field("b", "tags").add("a", 5),
        lambda board: board.field("b", "tags", Set).add(5),
        lambda board: board.field("b", "tags", "set").add(5),
        lambda board: board.field("b", "marks").append("x"),
        lambda board: board.field("b", "marks").extend([1, "x"]),
        lambda board: board.field("b", "marks").insert(0, "x"),
        lambda board: board.field("b", "marks").set(0, "x"),
        lambda board: board.field("b", "votes").add(5),
    ],
)
def test_the_handle_of_a_field_takes_what_its_class_says(port, write):
    board = Collection(port, "boards", Board)
    with pytest.raises(
        ValidationError, match=r"Board 'b': field '\w+': an element is .*; expected (str|float)$"
    ):
        write(board)
    assert port.writes == []


async def test_what_does_not_fit_can_be_removed(port):
    raw, board = Collection(port, "boards"), Collection(port, "boards", Board)
    await raw.field("b", "tags", "set").add(5, "x")
    await board.field("b", "tags").remove(5)
    await board.field("b", "tags").add("y")
    await board.field("b", "anything").add(5, "x")
    assert await board.field("b", "tags").values() == {"x", "y"}
    await board.field("b", "marks").append(1)
    assert [type(mark) for mark in await board.field("b", "marks").values()] == [float]


def change(key, before, after, structure="records"):
    kind = "insert" if before is None else "delete" if after is None else "update"
    return Change("tasks", structure, kind, key, before, after, "c1", "ann")


async def test_changes_give_atoms(port):
    source = MemorySource(
        [
            change("t1", None, {"title": "a"}),
            change("t1", {"title": "a"}, None),
            change("t1", {"title": "a"}, {"title": 3}),
            change("x", None, 1, structure="tags"),
        ]
    )
    tasks = Collection(port, "tasks", Task, source=source)
    async with tasks.changes("c0") as changes:
        assert await anext(changes) == change("t1", None, Task(title="a"))
        assert changes.cursor == "c3"
        assert await anext(changes) == change("t1", Task(title="a"), None)
        assert await anext(changes) == change("t1", Task(title="a"), None)  # to who is given Tasks it is gone
        assert [found async for found in changes] == [change("x", None, 1, structure="tags")]
    assert source.asked == [("tasks", "c0"), "closed"]


async def test_changes_of_dicts_pass_as_they_are(port):
    given = change("t1", None, {"title": "a"})
    rows = Collection(port, "tasks", source=MemorySource([given]))
    async with rows.changes() as changes:
        assert [found async for found in changes] == [given]


def test_presence_is_asked_of_the_source(port, rows):
    assert Collection(port, "tasks", source=MemorySource()).presence({"at": 1}) == ("tasks", {"at": 1})
    with pytest.raises(ValidationError, match="not part of a transaction"):
        rows.presence()


WRITES = {
    "insert": lambda notes, level: notes.insert(a=2, durability=level),
    "put": lambda notes, level: notes.put({"a": 2}, key="k", durability=level),
    "update": lambda notes, level: notes.update("k", a=2, durability=level),
    "delete": lambda notes, level: notes.delete("k", durability=level),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_write_is_as_durable_as_it_says(write):
    port = MemoryPort()
    notes = Collection(port, "notes")
    await notes.put({"a": 1}, key="k")
    assert port.durability is None
    await write(notes, "peers=2")
    assert port.durability == Durability(2)
    with pytest.raises(ValidationError, match=r"notes: 'soon' is no durability; .*field .* in a mapping"):
        await write(notes, "soon")


async def test_a_field_may_be_called_durability():
    port = MemoryPort()
    notes = Collection(port, "notes")
    await notes.put({"durability": "high"}, key="k")
    await notes.update("k", {"durability": "low"})
    assert (await notes.get("k"), port.durability) == ({"durability": "low"}, None)


async def test_a_field_of_a_collection_without_a_class_has_to_be_said():
    port = MemoryPort()
    right = r"collection 'notes' was opened without a class.* field\('k', 'votes', pb.Counter\)"
    with pytest.raises(ValidationError, match=right):
        Collection(port, "notes").field("k", "votes")
    with pytest.raises(ValidationError, match="Task has no merging field 'titel'; there are"):
        Collection(port, "notes", Task).field("k", "titel")
