"""Which class a collection's records have."""

import pytest

import protobase_live as pb
from protobase_live.model.atoms import misfits
from protobase_live.model.schemas import Schemas


class Task(pb.Atom):
    title: str


class Note(pb.Atom):
    text: str


SCHEMAS = Schemas({"*": Note, "tasks": Task, "boards/*": Task})


@pytest.mark.parametrize(("name", "found"), [("tasks", Task), ("boards/7/a", Note), ("x", Note)])
def test_its_name_comes_before_patterns_and_these_in_order(name: str, found: type[pb.Atom]) -> None:
    assert SCHEMAS.of(name) is found


def test_a_star_crosses_slashes_and_what_none_fits_has_none() -> None:
    schemas = Schemas({"boards/*": Task})
    assert schemas.of("boards/7/a") is Task
    assert schemas.of("board") is None
    assert Schemas().of("tasks") is None


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ({"tasks": dict}, "the schema of 'tasks' is .*; expected a class of Atoms"),
        ({"tasks": Task(title="x")}, "expected a class of Atoms"),
        ({"": Task}, "no pattern of collections"),
        ({1: Task}, "no pattern of collections"),
    ],
)
async def test_what_is_none_is_refused(classes, said: str) -> None:
    with pytest.raises(pb.ValidationError, match=said):
        Schemas(classes)
    with pytest.raises(pb.ValidationError, match=said):
        pb.open("memory:", schemas=classes)


def test_a_misfit_says_nothing_of_what_stands_there() -> None:
    assert list(misfits(Task, {"title": 5, "secret": 1})) == [
        ("title", "its field 'title' does not fit; expected str"),
        ("secret", "it has another field; there are title"),
    ]
    assert [reason for _, reason in misfits(Task, {"title": 5, "tilte": 1, "secret": 1}, own={"title"})] == [
        "its field 'title' is 5 (int); expected str",
        "Task has no field 'tilte'; did you mean 'title'?",
        "Task has no field 'secret'; there are title",
    ]
    assert list(misfits(Task, {})) == [("title", "it lacks the field 'title'; expected str")]
    assert list(misfits(Task, {"title": "fine"})) == []
