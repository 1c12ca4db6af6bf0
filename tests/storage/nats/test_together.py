"""What is told together, and what waits until it can be."""

from dataclasses import replace

from protobase_storage import Commit, Joint
from protobase_storage.conformance.model import make_commit
from protobase_storage.nats.together import parted
from protobase_storage.shared import News

AB, BC, CD = Joint("ab", ("a", "b")), Joint("bc", ("b", "c")), Joint("cd", ("c", "d"))


def commits(collection: str, *joints: Joint | None) -> tuple[Commit, ...]:
    return tuple(replace(make_commit(collection, n), joint=joint) for n, joint in enumerate(joints, 1))


def test_all_is_told_where_nothing_lacks() -> None:
    found = {"a": News(commits("a", None, AB)), "b": News(commits("b", AB))}
    assert parted(found, set()) == (found, {})


def test_what_lacks_a_part_waits_with_what_follows_it_and_the_other_parts_of_that() -> None:
    a, b = commits("a", None), commits("b", None, AB, BC)
    c, d = commits("c", None, BC, None), commits("d", CD)
    whole, rest = parted({"a": News(a), "b": News(b), "c": News(c), "d": News(d)}, {"ab"})
    assert whole == {"a": News(a), "b": News(b[:1]), "c": News(c[:1]), "d": News(d)}
    assert rest == {"b": News(b[1:]), "c": News(c[1:])}


def test_what_is_to_be_loaded_anew_does_not_wait() -> None:
    found = {"a": News(commits("a", AB), replaced=True), "b": News(commits("b", AB))}
    assert parted(found, {"ab"}) == ({"a": found["a"], "b": News()}, {"b": found["b"]})
