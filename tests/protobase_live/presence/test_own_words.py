import pytest

from protobase_actors import ManualClock
from protobase_live.presence.hub import PresenceHub
from protobase_live.presence.limits import PresenceLimits
from protobase_live.presence.own_words import ENTRY_BYTES, OwnWords


@pytest.fixture
def hub():
    return PresenceHub(ManualClock())


@pytest.fixture
def member(hub):
    return hub.join("tasks", lambda payload: None)[0]


def own_words(hub, piece_bytes=1_000, **limits):
    return OwnWords(7, hub._rooms, PresenceLimits(**limits), piece_bytes)


def told(words):
    """Of each word: its number, the one before, and who is in it."""
    return [
        (word.part.number, word.previous, [entry.client_id for entry in word.part.entries()])
        for _, word in words
    ]


def test_what_changed_is_said_once(hub, member):
    own = own_words(hub)
    member.set(1, {})
    own.note("tasks", [1, 2])
    assert own.waits
    assert told(own.take()) == [(1, 0, [1])]
    assert not own.waits
    own.note("tasks", [1])
    assert told(own.take()) == []
    member.set(1, {"at": 1})
    own.note("tasks", [1])
    assert told(own.take()) == [(2, 1, [1])]


def test_who_has_left_is_said_without_a_room(hub, member):
    own = own_words(hub)
    member.set(1, {})
    own.note("tasks", [1])
    assert told(own.take()) == [(1, 0, [1])]
    member.leave()
    own.note("tasks", [1])
    [(collection, word)] = own.take()
    assert collection == "tasks"
    assert [(entry.client_id, entry.state) for entry in word.part.entries()] == [(1, None)]


def test_a_tick_has_so_many_clients(hub, member):
    own = own_words(hub, tick_clients=3)
    for client in range(5):
        member.set(client, {})
    own.note("tasks", range(5))
    assert told(own.take()) == [(1, 0, [0, 1, 2])]
    assert own.waits
    assert told(own.take()) == [(2, 1, [3, 4])]


def test_a_word_has_so_many_bytes(hub, member):
    own = own_words(hub, piece_bytes=2 * (ENTRY_BYTES + 2))
    for client in range(5):
        member.set(client, {})
    own.note("tasks", range(5))
    assert told(own.take()) == [(1, 0, [0, 1]), (2, 1, [2, 3]), (3, 2, [4])]
    again = list(own.repeat("tasks"))
    assert told(("tasks", word) for word in again) == [(4, 0, [0, 1]), (5, 4, [2, 3]), (6, 5, [4])]
    assert [word.bounds for word in again] == [(0, 2), (2, 4), (4, 0)]
    assert all(word.part.whole for word in again)


def test_one_state_may_be_larger(hub, member):
    own = own_words(hub, piece_bytes=10)
    member.set(1, {"name": "somebody"})
    member.set(2, {})
    own.note("tasks", [1, 2])
    assert told(own.take()) == [(1, 0, [1]), (2, 1, [2])]


def test_everything_may_be_nothing(hub, member):
    own = own_words(hub)
    assert list(own.repeat("tasks")) == []
    member.set(1, {})
    own.note("tasks", [1])
    list(own.take())
    member.set(1, None)
    own.note("tasks", [1])
    list(own.take())
    assert told(("tasks", word) for word in own.repeat("tasks")) == [(3, 0, [])]


@pytest.fixture
def newcomer(hub):
    """Somebody who is told of others at clocks that they have not counted."""
    return hub.join("tasks", lambda payload: None)[0]


def ahead(words):
    """Of each word: who is in it, and of whom it has clocks."""
    return [
        ([entry.client_id for entry in word.part.entries()], [client for client, _ in word.part.ahead])
        for word in words
    ]


def test_what_newcomers_were_told_of_its_clients_is_said_to_all(hub, member, newcomer):
    own = own_words(hub)
    for client in (1, 2):
        member.set(client, {})
    own.note("tasks", [1, 2])
    assert ahead(word for _, word in own.take()) == [([1, 2], [])]
    newcomer.welcome()
    own.note("tasks", [1])
    [(_, word)] = own.take()
    assert word.part.ahead == ((1, 1),)
    assert own.people.ahead("tasks") == {1: 1}
    assert ahead(own.repeat("tasks")) == [([1, 2], [1])]
    member.set(1, {"at": 1})
    own.note("tasks", [1])
    assert ahead(word for _, word in own.take()) == [([1], [])]


def test_clocks_are_said_in_pieces_too(hub, member, newcomer):
    own = own_words(hub, piece_bytes=2 * (ENTRY_BYTES + 2))
    for client in range(8):
        member.set(client, {})
    newcomer.welcome()
    own.note("tasks", range(8))
    words = [word for _, word in own.take()]
    assert ahead(words) == [
        ([0, 1], []),
        ([2, 3], []),
        ([4, 5], []),
        ([6, 7], []),
        ([], [0, 1, 2, 3, 4, 5]),
        ([], [6, 7]),
    ]
    assert max(len(word.part.data) for word in [*words, *own.repeat("tasks")]) <= 2 * (ENTRY_BYTES + 2)
