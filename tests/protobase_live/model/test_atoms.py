"""Atoms: what annotations accept, and what a refusal names."""

from __future__ import annotations

import copy
import re
from datetime import date, datetime
from enum import Enum, IntEnum
from typing import Annotated, Any, ClassVar, Generic, Literal, Optional, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import InvalidName, ValidationError
from protobase_live.model.atoms import REQUIRED, Atom, check_fields, dump, load, merges

T = TypeVar("T")


class Counter:
    kind: ClassVar[str] = "counter"


class Text:
    kind: ClassVar[str] = "text"


class Set(Generic[T]):
    kind: ClassVar[str] = "set"


class List(Generic[T]):
    kind: ClassVar[str] = "list"


class CountedSet(Generic[T]):
    kind: ClassVar[str] = "counted_set"


class HashDict(Generic[T]):
    kind: ClassVar[str] = "hash_dict"


class Task(Atom):
    title: str
    done: bool = False
    owner: str | None = None
    estimate: float = 0


class Board(Atom):
    version: ClassVar[int] = 3
    name: str
    cells: list[int] = []  # noqa: RUF012
    tags: Set[str] = set()  # noqa: RUF012
    votes: Counter = 0
    body: Text
    order: List[str]
    stock: CountedSet[str]
    typed: Annotated[int, Counter] = 5


class Urgent(Task):
    priority: int
    title: str = "urgent"


def test_fields_are_given_by_keyword_and_have_defaults():
    task = Task(title="Write", owner="ann")
    assert (task.title, task.done, task.owner, task.estimate) == ("Write", False, "ann", 0.0)
    assert repr(task) == "Task(title='Write', done=False, owner='ann', estimate=0.0)"


def test_equality_is_of_class_and_fields():
    assert Task(title="a") == Task(title="a")
    assert Task(title="a") != Task(title="b")
    assert Task(title="urgent") != Urgent(priority=1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Task(title="a"))


def test_inheritance_keeps_the_order_and_overrides():
    assert list(Urgent.fields()) == ["title", "done", "owner", "estimate", "priority"]
    assert Urgent(priority=1).title == "urgent"
    assert Urgent.fields()["priority"].default is REQUIRED
    assert list(Task.fields()) == ["title", "done", "owner", "estimate"]


def test_mutable_defaults_are_copied():
    one, two = Board(name="a"), Board(name="b")
    one.cells.append(1)
    one.tags.add("x")  # pyright: ignore
    one.order.append("x")  # pyright: ignore
    assert two == Board(name="b")
    assert dump(two) == {
        "name": "b",
        "cells": [],
        "tags": set(),
        "votes": 0,
        "body": "",
        "order": [],
        "stock": {},
        "typed": 5,
    }


def test_merges_names_the_kinds():
    assert merges(Task) == {}
    assert merges(Board) == {
        "tags": "set",
        "votes": "counter",
        "body": "text",
        "order": "list",
        "stock": "counted_set",
        "typed": "counter",
    }


def test_annotations_may_be_local_to_a_function():
    Level = Literal["low", "high"]

    class Alert(Atom):
        level: Level = "low"

    assert Alert(level="high").level == "high"
    with pytest.raises(ValidationError, match=r"Alert: field 'level' is 'mid' \(str\); expected one of"):
        Alert(level="mid")


def test_annotations_may_be_of_the_class_itself():
    class Alert(Atom):
        Level: ClassVar = Literal["low", "high"]
        level: Level = "low"
        date: date = date(2026, 1, 2)
        due: date | None = None

    assert Alert(level="high", due=date(2026, 1, 3)).level == "high"
    with pytest.raises(ValidationError, match="field 'level' is 'mid'"):
        Alert(level="mid")


def test_annotations_are_read_where_the_class_is_whatever_else_its_bases_do():
    class Meta(type):
        def __new__(cls, *parts: Any, **options: Any) -> Any:
            return super().__new__(cls, *parts, **options)

    class Logged(metaclass=Meta):
        def __init_subclass__(cls, **options: Any) -> None:
            super().__init_subclass__(**options)

    Name = str

    class Alert(Logged, Atom):
        name: Name

    assert Alert(name="a").name == "a"


def test_a_class_may_be_defined_where_another_one_is():
    found: list[type[Atom]] = []

    class Maker:
        def __init_subclass__(cls) -> None:
            Name = str

            class Made(Atom):
                name: Name

            found.append(Made)

    class Maker2(Maker):
        pass

    assert found[0](name="a").name == "a"


def test_annotations_that_say_no_type_name_the_field():
    with pytest.raises(ValidationError, match=r"Node: field 'parent': .*Node.* is not a type for a field"):

        class Node(Atom):
            parent: Node | None = None

    with pytest.raises(
        ValidationError, match="Alert: field 'level': its annotation 'Lvel' says no type: name 'Lvel' is not"
    ):

        class Alert(Atom):
            level: Lvel  # noqa: F821


class Shade(IntEnum):
    DARK = 1


class Tint(Enum):
    RED = "red"


def fits(annotation: Any) -> Any:
    return type("Box", (Atom,), {"__annotations__": {"value": annotation}})


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (str, "a"),
        (int, 2**70),
        (float, 1.5),
        (bool, True),
        (bytes, b"\x00"),
        (datetime, datetime(2026, 1, 2, 3)),
        (date, date(2026, 1, 2)),
        (list, [1, "a", None]),
        (dict, {"a": [1]}),
        (list[int], [1, 2]),
        (list[list[str]], [["a"], []]),
        (dict[str, float], {"a": 1.5}),
        (Any, {"a": None}),
        (None, None),
        (Optional[int], None),  # noqa: UP045
        (int | str, "a"),
        (Literal["a", 1, None], 1),
        (Annotated[int, "seconds"], 3),
        (Set[int], {1, 2}),
        (Set, {1, "a"}),
        (List[int], [1]),
        (CountedSet[str], {"a": 2}),
        (Counter, -1),
        (Text, "😀"),
    ],
)
def test_values_that_fit(annotation, value):
    box = fits(annotation)
    assert box(value=value).value == value
    assert load(box, dump(box(value=value))) == box(value=value)


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (str, 1, "str"),
        (int, True, "int"),
        (int, 1.0, "int"),
        (float, "1", "float"),
        (float, True, "float"),
        (float, 10**400, "float"),
        (bool, 1, "bool"),
        (bytes, "a", "bytes"),
        (date, datetime(2026, 1, 2), "date"),
        (datetime, date(2026, 1, 2), "datetime"),
        (list[int], ["a"], "list of int"),
        (list, "abc", "list"),
        (dict[str, int], {"a": "b"}, "dict of str to int"),
        (dict[str, int], {1: 1}, "dict of str to int"),
        (dict, {1: 1}, "dict with str keys"),
        (int | None, "a", "int or None"),
        (Literal[1], True, "one of 1"),
        (Set[int], {"a"}, "set of int"),
        (Set, [[1]], "set of a value that can be stored"),
        (Set[str], "abc", "set of str"),
        (List[int], {1}, "list of int"),
        (CountedSet[str], {"a": 0.5}, "dict of str to int"),
        (Counter, None, "int"),
        (Text, None, "str"),
    ],
)
def test_values_that_do_not_fit(annotation, value, expected):
    with pytest.raises(ValidationError, match=f"Box: field 'value' is .*; expected {expected}$"):
        fits(annotation)(value=value)


@pytest.mark.parametrize(
    "annotation",
    [
        *(set, tuple[int, int], HashDict, HashDict[str], Task, object, dict[int, str], complex),
        *(dict[str], list[int, str], dict[str, int, int], [int], {"a": int}, list[[int]]),
    ],
)
def test_annotations_that_cannot_be_stored(annotation):
    with pytest.raises(ValidationError, match=r"Box: field 'value': .* is not a type for a field; use str"):
        fits(annotation)


@pytest.mark.parametrize("option", [Shade.DARK, Tint.RED, 1.5, (1,), date(2026, 1, 2)])
@pytest.mark.parametrize("of", [lambda literal: literal, lambda literal: list[literal | None]])
def test_options_that_could_not_be_read_back(option, of):
    said = rf"Box: field 'value': {re.escape(repr(option))} cannot be an option of a Literal; there are"
    with pytest.raises(ValidationError, match=said):
        fits(of(Literal["a", option]))


@pytest.mark.parametrize("annotation", [list[Set[str]], Counter | None, dict[str, Text]])
def test_merging_types_are_for_whole_fields(annotation):
    with pytest.raises(ValidationError, match="merges, so it can only be the type of a whole field"):
        fits(annotation)


@pytest.mark.parametrize(
    "annotation",
    [
        Set[dict],
        Set[list[int]],
        Set[str | dict[str, int]],
        CountedSet[list],
        Annotated[set[list[str]], Set[list[str]]],
    ],
)
def test_elements_of_sets_are_atoms(annotation):
    with pytest.raises(
        ValidationError, match=r"Box: field 'value': .* cannot be an element of a .*set: lists and dicts"
    ):
        fits(annotation)


@pytest.mark.parametrize("indexes", ["owner", (("owner",), 5), 5, {"owner": 1}, (b"owner",)])
def test_indexes_that_are_no_fields(indexes):
    said = rf"Box\.__indexes__ takes a tuple of fields, .*, not {re.escape(repr(indexes))} "
    with pytest.raises(ValidationError, match=said):
        type("Box", (Atom,), {"__annotations__": {"owner": str}, "__indexes__": indexes})


@pytest.mark.parametrize("name", ["_key", "_hidden", "x" * 600])
def test_field_names_that_are_refused(name):
    with pytest.raises(InvalidName):
        type("Box", (Atom,), {"__annotations__": {name: int}})


def test_a_default_has_to_fit():
    with pytest.raises(ValidationError, match=r"Box: field 'value' is 'a' \(str\); expected int"):
        type("Box", (Atom,), {"__annotations__": {"value": int}, "value": "a"})


def test_ints_become_floats_where_the_atom_says_so():
    for estimate in (
        Task(title="a", estimate=3).estimate,
        load(Task, {"title": "a", "estimate": 3}).estimate,
    ):
        assert estimate == 3.0
        assert type(estimate) is float


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (float | int, 2**53 + 1),
        (list[float] | list[int], [2**53 + 1]),
        (dict[str, float] | dict[str, int], {"a": 2**60 + 1}),
    ],
)
def test_a_union_takes_the_member_that_keeps_the_value(annotation, value):
    assert fits(annotation)(value=value).value == value


def test_a_union_converts_what_no_member_keeps():
    assert type(fits(str | float)(value=3).value) is float
    assert fits(None | list[int])(value=(1, 2)).value == [1, 2]


def test_unknown_fields_suggest_the_right_one():
    with pytest.raises(ValidationError, match="Task has no field 'dnoe'; did you mean 'done'"):
        Task(title="a", dnoe=True)  # pyright: ignore
    with pytest.raises(ValidationError, match="there are title, done, owner, estimate"):
        Task(title="a", zzz=True)  # pyright: ignore


def test_missing_fields_are_named():
    with pytest.raises(ValidationError, match=r"^Task lacks the field 'title'; expected str$"):
        Task()  # pyright: ignore
    with pytest.raises(ValidationError, match=r"^Task 't1' lacks the field 'title'; expected str$"):
        load(Task, {"done": True}, "t1")


def test_load_names_the_record_of_a_wrong_value():
    with pytest.raises(ValidationError, match=r"Task 't1': field 'done' is 'yes' \(str\); expected bool"):
        load(Task, {"title": "a", "done": "yes"}, "t1")


def test_load_gives_defaults_and_keeps_what_it_does_not_know():
    task = load(Task, {"title": "a", "newer": [1]})
    assert task == Task(title="a")
    assert "newer" not in repr(task)
    assert dump(task) == {"title": "a", "done": False, "owner": None, "estimate": 0.0, "newer": [1]}


def test_dump_checks_what_was_changed():
    task = Task(title="a")
    task.done = "yes"  # pyright: ignore
    with pytest.raises(ValidationError, match="Task 't1': field 'done'"):
        dump(task, "t1")


def test_check_fields_of_an_update():
    assert check_fields(Task, {"estimate": 2, "done": True}, "t1") == {"estimate": 2.0, "done": True}
    with pytest.raises(ValidationError, match="Task 't1' has no field 'titel'; did you mean 'title'"):
        check_fields(Task, {"titel": "a"}, "t1")


def test_values_are_checked_deeply():
    with pytest.raises(ValidationError, match="Task: field 'estimate'"):
        Task(title="a", estimate=float("nan"))
    with pytest.raises(ValidationError, match="field 'value'"):
        fits(Any)(value=object())


def test_class_variables_are_no_fields():
    assert "version" not in Board.fields()
    assert Board.version == 3


@given(
    title=st.text(),
    done=st.booleans(),
    owner=st.none() | st.text(),
    estimate=st.floats(-1e9, 1e9) | st.integers(),
)
def test_load_of_dump_is_the_same(title, done, owner, estimate):
    task = Task(title=title, done=done, owner=owner, estimate=estimate)
    assert load(Task, dump(task)) == task


class Checked(Atom):
    title: str

    @property
    def shout(self) -> str:
        return self.title.upper()

    @shout.setter
    def shout(self, value: str) -> None:
        self.title = value.lower()


def test_an_attribute_that_is_no_field_is_refused():
    task = Checked(title="x")
    with pytest.raises(AttributeError, match="Checked has no field 'titel'; did you mean 'title'"):
        task.titel = "oops"
    with pytest.raises(AttributeError, match="Checked has no field 'dump'"):
        task.dump = "oops"
    task.shout, task._note = "LOUD", 1
    assert (task.title, task._note, vars(copy.copy(task))) == ("loud", 1, {"title": "loud", "_note": 1})


def test_a_stored_field_that_the_class_has_not_cannot_be_set():
    task = load(Checked, {"title": "x", "more": 1})
    with pytest.raises(AttributeError, match="has no field 'more'"):
        task.more = 2
    assert dump(task) == {"title": "x", "more": 1}


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_below_one_is_refused_where_an_atom_is_made(count: int):
    Box = fits(CountedSet[str])
    flaw = f"Box: field 'value' counts 'a' \\(str\\) as {count}; expected a positive int"
    with pytest.raises(ValidationError, match=flaw):
        Box(value={"b": 1, "a": count})
    with pytest.raises(ValidationError, match=flaw):
        type("Box", (Atom,), {"__annotations__": {"value": CountedSet[str]}, "value": {"a": count}})
    assert load(Box, {"value": {"a": count}}).value == {"a": count}  # what is stored can be read
