import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import LimitExceeded
from protobase_live.protocol.yjs import awareness_table
from protobase_live.protocol.yjs.awareness import Entry, decode_entries, encode_entries
from protobase_live.protocol.yjs.awareness_table import LEAP, Awareness


def update(*items: tuple[int, int, str | None]) -> bytes:
    return encode_entries(Entry(*item) for item in items)


@given(st.binary(max_size=60))
def test_anything_can_be_read_and_passed_on(payload: bytes):
    table = Awareness()
    table.apply(payload, "one")
    decode_entries(table.encode([*table.removed, *table.states]))


def test_states_of_one_table_are_limited():
    table = Awareness(max_bytes=20)
    table.apply(update((1, 1, '"0123456789"'), (2, 1, '"0123456789"'), (3, 1, '"01"')), "one")
    assert table.states.keys() == {1, 3}
    with pytest.raises(LimitExceeded, match="more than 20 bytes"):
        table.put(4, '"0123456789"', "two")
    table.apply(update((1, 2, None)), "one")
    table.put(4, '"0123456789"', "two")


def test_a_newcomers_echo_does_not_take_a_client_over():
    table = Awareness()
    table.apply(update((5, 1, "{}")), "one", first=True)
    assert table.behind([5]) == [5], "a stranger is asked to say itself again"
    (told,) = decode_entries(table.welcome("two"))
    assert table.apply(encode_entries([told]), "two") == []
    assert table.remove_owner("two") == []
    assert table.apply(update((5, told.clock, '"new"')), "one") == [5]
    assert decode_entries(table.recall(table.behind([5]))) == [Entry(5, told.clock + LEAP, None)]
    assert table.apply(update((5, told.clock + 1, '"new"')), "one") == [5]
    assert table.behind([5]) == []


def test_newer_clock_wins():
    table = Awareness()
    assert table.apply(update((5, 1, '"a"')), "one") == [5]
    assert table.apply(update((5, 3, '"b"')), "one") == [5]
    assert table.apply(update((5, 2, '"late"')), "one") == []
    assert table.apply(update((5, 3, '"echo"')), "two") == []
    assert table.states == {5: '"b"'}


def test_first_state_may_have_clock_zero():
    table = Awareness()
    assert table.apply(update((5, 0, "{}")), "one") == [5]


def test_equal_clock_with_null_removes_when_the_owner_says_so():
    table = Awareness()
    table.apply(update((5, 1, "{}")), "one")
    assert table.apply(update((5, 1, None)), "two") == []
    assert table.apply(update((5, 1, None)), "one") == [5]
    assert table.apply(update((5, 1, None)), "one") == []
    assert (table.states, table.removed) == ({}, [5])


def test_newer_null_removes_whoever_sends_it():
    table = Awareness()
    table.apply(update((5, 1, "{}")), "one")
    assert table.apply(update((5, 2, None)), "two") == [5]
    assert table.remove_owner("one") == []


def test_ownership_moves_with_the_newer_state():
    table = Awareness()
    table.apply(update((5, 1, "{}")), "old connection")
    table.apply(update((5, 2, "{}")), "new connection")
    assert table.remove_owner("old connection") == []
    assert table.remove_owner("new connection") == [5]


def test_removing_an_owner_announces_its_clients_gone():
    table = Awareness()
    table.apply(update((5, 7, "{}"), (6, 1, "{}")), "one")
    table.apply(update((9, 1, "{}")), "two")
    assert table.remove_owner("one") == [5, 6]
    assert decode_entries(table.encode([5, 6])) == [Entry(5, 8, None), Entry(6, 2, None)]
    assert table.states == {9: "{}"}
    assert table.remove_owner("one") == []


def test_late_echo_does_not_bring_a_client_back():
    table = Awareness()
    table.apply(update((5, 7, "{}")), "one")
    table.remove_owner("one")
    assert table.apply(update((5, 7, "{}")), "two") == []
    assert table.apply(update((5, 9, "{}")), "two") == [5]
    assert table.removed == []


def test_encode_leaves_out_unknown_clients():
    table = Awareness()
    table.apply(update((5, 7, '{"a":1}')), "one")
    assert decode_entries(table.encode([5, 99])) == [Entry(5, 7, '{"a":1}')]


def test_clients_are_limited():
    table = Awareness(max_clients=2)
    table.apply(update((1, 1, "{}"), (2, 1, "{}")), "one")
    assert table.apply(update((3, 1, "{}"), (2, 2, "{}")), "two") == [2]
    with pytest.raises(LimitExceeded, match="more than 2 clients"):
        table.put(3, "{}", "two")
    assert table.states.keys() == {1, 2}


def test_clients_of_one_owner_are_limited():
    table = Awareness(max_clients_per_owner=1)
    table.apply(update((1, 1, "{}")), "one")
    assert table.apply(update((2, 1, "{}"), (1, 2, "{}")), "one") == [1]
    with pytest.raises(LimitExceeded, match="one connection announced more than 1"):
        table.put(2, "{}", "one")
    assert table.apply(update((2, 1, "{}")), "two") == [2]


def test_clients_gone_are_forgotten_in_order(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(awareness_table, "MAX_REMOVED", 2)
    table = Awareness()
    for client in (1, 2, 3):
        table.apply(update((client, 1, "{}")), client)
        table.remove_owner(client)
    assert table.removed == [2, 3]


def test_what_is_said_elsewhere_is_told_with_a_clock_that_nobody_has_heard():
    table = Awareness()
    table.relay(Entry(5, 3, '"a"'), "node")
    assert decode_entries(table.encode([5])) == [Entry(5, 3, '"a"')]
    table.remove(5)
    table.relay(Entry(5, 3, '"a"'), "node")
    assert decode_entries(table.encode([5])) == [Entry(5, 5, '"a"')]
    table.relay(Entry(5, 4, '"b"'), "node")
    assert decode_entries(table.encode([5])) == [Entry(5, 6, '"b"')], "the client's next word is not lost"
    table.relay(Entry(5, 9, '"c"'), "node")
    assert (table.newest(5), table.owner(5), table.speaker(5)) == (9, "node", "node")


def test_what_was_said_elsewhere_before_may_have_been_heard_there():
    table = Awareness()
    table.relay(Entry(5, 3, '"a"'), "node", 7)
    assert decode_entries(table.encode([5])) == [Entry(5, 7, '"a"')]
    table.remove(5)
    table.relay(Entry(5, 3, '"a"'), "node", 7)
    assert decode_entries(table.encode([5])) == [Entry(5, 9, '"a"')]


def test_newcomers_are_told_higher_clocks_of_those_elsewhere_too():
    table = Awareness()
    table.relay(Entry(5, 3, "{}"), "node")
    assert decode_entries(table.welcome("newcomer")) == [Entry(5, 4, "{}")]
    table.relay(Entry(5, 4, '"b"'), "node")
    assert decode_entries(table.encode([5])) == [Entry(5, 5, '"b"')]


def test_no_clock_is_made_up_for_who_is_here():
    table = Awareness()
    table.apply(update((5, 3, '"here"')), "connection", first=True)
    assert not table.overtake(Entry(5, 3, '"elsewhere"'), "node")
    assert table.overtake(Entry(5, 4, '"moved"'), "node")
    assert (table.owner(5), table.speaker(5), table.states) == ("node", "node", {5: '"moved"'})


def test_who_is_heard_of_here_again_is_here_when_it_has_left_elsewhere():
    table = Awareness()
    table.relay(Entry(5, 3, "{}"), "node")
    table.apply(update((5, 3, "{}")), "connection", first=True)
    assert (table.owner(5), table.speaker(5)) == ("node", "connection")
    table.hand_over(5)
    assert table.remove_owner("connection") == [5]


def test_a_clock_that_was_told_elsewhere_is_counted_on_from():
    table = Awareness()
    table.apply(update((5, 3, "{}")), "connection", first=True)
    table.apply(update((5, 4 + LEAP, "{}")), "connection")
    assert not table.lead(5, 2)
    table.apply(update((5, 5 + LEAP, "{}")), "connection")
    assert (table.behind([5]), table.led) == ([], [])
    assert table.lead(5, 8 + LEAP)
    assert table.led == [5]
    assert not table.lead(6, 8), "it is not here"
    table.apply(update((5, 6 + LEAP, "{}")), "connection")
    assert table.behind([5]) == [5]


def test_what_a_program_says_has_at_least_the_clock_given():
    table = Awareness()
    table.put(5, "{}", "one", 100)
    table.put(5, "[]", "one", 100)
    table.put(5, "[]", "one", 200)
    assert table.newest(5) == 200
    table.put(6, "{}", "one")
    assert table.newest(6) == 1


small = st.tuples(st.integers(1, 3), st.integers(0, 4), st.sampled_from([None, "{}", "[1]"]))


@given(st.lists(st.tuples(st.lists(small, max_size=3), st.sampled_from("ab"), st.booleans()), max_size=12))
def test_followers_of_the_broadcasts_agree_with_the_table(
    steps: list[tuple[list[tuple[int, int, str | None]], str, bool]],
):
    table, follower = Awareness(), Awareness()
    for items, owner, leaves in steps:
        changed = table.apply(update(*items), owner)
        if leaves:
            changed += table.remove_owner(owner)
        follower.apply(table.encode(changed), "table")
    assert follower.states == table.states
