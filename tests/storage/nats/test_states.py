"""What JetStream tells of a stream; these are answers of its version 2.12."""

from typing import Any

from protobase_storage import Replica
from protobase_storage.nats.states import state_of

STATE = {"messages": 8, "bytes": 304, "first_seq": 1, "last_seq": 9, "num_subjects": 7}


def answer(cluster: Any, max_bytes: int = -1, **more: Any) -> Any:
    return {"config": {"max_bytes": max_bytes}, "cluster": cluster, "state": STATE, **more}


def test_a_single_server() -> None:
    state = state_of(answer({"leader": "one"}, 1000, total=7))
    assert state.replicas == (Replica("one", True, True, True, 0, 0.0),)
    assert (state.messages, state.bytes, state.max_bytes, state.last, state.subjects) == (8, 304, 1000, 9, 7)
    assert state_of(answer(None)).replicas == ()
    assert state_of(answer(None)).subjects == 0


def test_one_of_three_is_gone() -> None:
    others = [
        {"name": "a", "current": False, "active": 14_555_133_691, "lag": 1, "peer": "GR5IGR3G"},
        {"name": "b", "current": True, "active": 653_025, "peer": "0ZkM0vRC"},
        {"name": "d", "current": False, "offline": True, "active": 0, "peer": "x"},
    ]
    state = state_of(answer({"leader": "c", "replicas": others}))
    assert state.max_bytes is None
    assert state.replicas == (
        Replica("c", True, True, True, 0, 0.0),
        Replica("a", False, True, False, 1, 14.555133691),
        Replica("b", False, True, True, 0, 0.000653025),
        Replica("d", False, False, False, 0, None),
    )


def test_no_leader() -> None:
    told = {"replicas": [{"name": name, "current": False, "active": 11 * 10**9} for name in "abc"]}
    assert [(each.name, each.leads) for each in state_of(answer(told)).replicas] == [
        ("a", False),
        ("b", False),
        ("c", False),
    ]
