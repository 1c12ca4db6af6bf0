"""What deaths come to."""

from protobase_live.workers.flight_record import Doing, Sent
from protobase_live.workers.known import Known


def turn(*digests: str) -> Doing:
    """A turn with a message for each."""
    return Doing("turn", "c", [Sent(None, None, None, [each]) for each in digests])


def test_what_was_taken_alone_is_refused() -> None:
    known = Known(most=10, collection_deaths=2)
    assert known.judge(turn("a"), from_outside=False) == "refused"
    assert known.told() == {"refused": ["a"], "suspects": [], "unloadable": []}


def test_of_several_the_guilty_one_is_found_by_one_more_death() -> None:
    known = Known(most=10, collection_deaths=2)
    assert known.judge(turn("a", "b"), from_outside=False) == "suspect"
    assert known.told()["suspects"] == ["a", "b"]
    assert known.judge(turn("b"), from_outside=False) == "refused"
    assert known.told() == {"refused": ["b"], "suspects": ["a"], "unloadable": []}


def test_who_is_killed_from_outside_blames_nobody_at_once() -> None:
    known = Known(most=10, collection_deaths=1)
    assert known.judge(turn("a"), from_outside=True) == "suspect"
    assert known.judge(turn("a"), from_outside=True) == "refused"
    assert known.judge(turn(), from_outside=True) == "unproven"
    assert known.judge(Doing("load", "c", []), from_outside=True) == "unloadable"


def test_a_collection_in_which_workers_die_is_not_loaded() -> None:
    known = Known(most=10, collection_deaths=2)
    assert known.judge(Doing("load", "c", []), from_outside=False) == "counted"
    assert known.judge(Doing("load", "d", []), from_outside=False) == "counted"
    assert known.judge(turn(), from_outside=False) == "unloadable"
    assert known.unloadable == ["c"]


def test_the_oldest_are_forgotten() -> None:
    known = Known(most=2, collection_deaths=1)
    known.refuse("abc")
    for names in ("de", "fg"):
        known.judge(turn(*names), from_outside=False)
    for name in "xyz":
        known.judge(Doing("load", name, []), from_outside=False)
    assert known.told() == {"refused": ["b", "c"], "suspects": ["f", "g"], "unloadable": ["y", "z"]}
