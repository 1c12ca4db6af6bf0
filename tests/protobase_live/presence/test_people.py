from protobase_live.presence.limits import PresenceLimits
from protobase_live.presence.people import People, newest
from protobase_live.protocol.yjs.awareness import Entry


def test_the_last_word_of_each_client_counts():
    people = People(PresenceLimits())
    assert people.take("tasks", 3, False, [Entry(5, 1, "1"), Entry(6, 1, "1")]) == [5, 6]
    assert people.take("tasks", 4, False, [Entry(5, 1, "1"), Entry(6, 2, "2"), Entry(7, 0, None)]) == [6]
    assert people.of("tasks") == {5: Entry(5, 1, "1"), 6: Entry(6, 2, "2")}
    assert (people.number("tasks"), people.number("other")) == (4, 0)


def test_who_is_not_in_a_whole_word_has_left():
    people = People(PresenceLimits())
    people.take("tasks", 1, False, [Entry(5, 1, "1"), Entry(6, 1, "1")])
    assert people.take("tasks", 2, True, [Entry(6, 1, "1")]) == [5]
    assert people.of("tasks").keys() == {6}


def test_what_one_node_brings_is_limited():
    people = People(PresenceLimits(peer_clients=2, peer_bytes=10))
    assert people.take("tasks", 1, False, [Entry(5, 1, "12345678"), Entry(6, 1, "123")]) == [5]
    assert people.take("tasks", 2, False, [Entry(5, 2, "1234567"), Entry(6, 2, "123")]) == [5, 6]
    assert people.take("other", 3, False, [Entry(7, 1, "")]) == []
    assert people.take("tasks", 4, False, [Entry(5, 0, None)]) == [5]
    assert people.take("other", 5, False, [Entry(7, 1, "1")]) == [7]


def test_collections_that_were_left_are_known_for_a_while():
    people = People(PresenceLimits(peer_left=2))
    for number, collection in enumerate("abc", 1):
        people.take(collection, number, False, [Entry(5, 1, "1")])
    for number, collection in enumerate("abc", 4):
        people.take(collection, number, False, [Entry(5, 0, None)])
    assert list(people.collections) == ["b", "c"]
    assert people.of("c") == {}


def test_a_whole_word_may_be_of_some_clients():
    people = People(PresenceLimits())
    people.take("tasks", 1, False, [Entry(client, 1, "1") for client in (1, 5, 6, 9)])
    assert people.take("tasks", 2, True, [Entry(5, 1, "1")], (5, 9)) == [6]
    assert people.take("tasks", 3, True, [], (6, 0)) == [9]
    assert people.of("tasks").keys() == {1, 5}


def test_what_is_forgotten_makes_room():
    people = People(PresenceLimits(peer_clients=2, peer_bytes=10))
    people.take("tasks", 1, False, [Entry(5, 1, "12345"), Entry(6, 1, "12345")])
    people.forget("tasks")
    people.forget("never")
    assert (people.of("tasks"), people.number("tasks"), list(people.collections)) == ({}, 0, [])
    assert people.take("other", 2, False, [Entry(5, 1, "12345"), Entry(6, 1, "12345")]) == [5, 6]


def test_the_newest_word_of_any_node_counts():
    one, other = People(PresenceLimits()), People(PresenceLimits())
    one.take("tasks", 1, False, [Entry(5, 3, "1")])
    other.take("tasks", 1, False, [Entry(5, 4, "2")])
    assert newest([(1, one), (2, other)], "tasks", 5) == (2, Entry(5, 4, "2"), 4)
    assert newest([(1, one), (2, other)], "tasks", 6) is None


def test_clocks_that_were_told_of_clients_count_until_these_are_past_them():
    people = People(PresenceLimits())
    people.take("tasks", 1, False, [Entry(5, 1, "1"), Entry(6, 1, "1")], ahead=[(5, 3), (7, 9)])
    assert newest([(1, people)], "tasks", 5) == (1, Entry(5, 1, "1"), 3)
    assert people.ahead("tasks") == {5: 3}, "nobody is known as 7"
    assert people.take("tasks", 2, False, [], ahead=[(5, 2), (6, 1)]) == []
    assert people.take("tasks", 3, False, [], ahead=[(5, 4), (6, 2)]) == [5, 6]
    people.take("tasks", 4, False, [Entry(5, 3, "2")])
    assert people.ahead("tasks") == {5: 4, 6: 2}
    people.take("tasks", 5, False, [Entry(5, 4, "2"), Entry(6, 0, None)])
    assert people.ahead("tasks") == {}


def test_clocks_of_clients_in_a_collection_that_is_forgotten_count_no_more():
    people = People(PresenceLimits())
    people.take("tasks", 1, False, [Entry(5, 1, "1")], ahead=[(5, 3)])
    people.forget("tasks")
    assert people.ahead("tasks") == {}
