import pytest

from protobase_actors import ManualClock
from protobase_live.errors import Closed, InvalidName, LimitExceeded, ValidationError
from protobase_live.presence.hub import PresenceHub, states_of
from protobase_live.presence.limits import PresenceLimits
from protobase_live.protocol.yjs.awareness import Entry, decode_entries, encode_entries
from protobase_live.protocol.yjs.awareness_table import LEAP, Awareness

TICK = 0.05


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def hub(clock):
    return PresenceHub(clock, TICK)


def update(client: int, clock: int, state: str | None) -> bytes:
    return encode_entries([Entry(client, clock, state)])


async def test_a_change_is_told_to_all_in_the_next_tick_with_the_same_bytes(hub, clock):
    ann, bob = [], []
    one, known = hub.join("tasks", ann.append)
    hub.join("tasks", bob.append)
    assert states_of(known) == {}
    one.set(7, {"name": "ann"})
    assert (ann, bob) == ([], [])
    await clock.advance(TICK)
    assert states_of(ann[0]) == {7: {"name": "ann"}}
    assert bob[0] is ann[0]


async def test_a_tick_tells_everybody_once_of_all_that_changed(hub, clock):
    heard = []
    members = [hub.join("tasks", heard.append)[0] for _ in range(10)]
    for round in range(3):
        for number, member in enumerate(members):
            member.set(number, {"at": round})
    await clock.advance(TICK)
    assert len(heard) == 10
    assert states_of(heard[0]) == {number: {"at": 2} for number in range(10)}
    await clock.advance(10 * TICK)
    assert len(heard) == 10


async def test_many_members_are_told_less_often_and_of_more(clock):
    hub = PresenceHub(clock, TICK, PresenceLimits(deliveries=50))
    heard = []
    members = [hub.join("tasks", heard.append)[0] for _ in range(10)]  # 10 / 50 = 0.2 s
    members[0].set(0, {"at": 0})
    await clock.advance(0.1)
    members[1].set(1, {"at": 1})
    assert heard == []
    await clock.advance(0.1)
    assert len(heard) == 10
    assert states_of(heard[0]) == {0: {"at": 0}, 1: {"at": 1}}
    for member in members[2:]:
        member.leave()
    await clock.advance(0.2)
    del heard[:]
    members[0].set(0, {"at": 2})
    await clock.advance(TICK)
    assert len(heard) == 2


async def test_who_joins_is_given_what_is_known(hub):
    one, _ = hub.join("tasks", lambda payload: None)
    one.set(7, {"name": "ann"})
    two, known = hub.join("tasks", lambda payload: None)
    assert states_of(known) == {7: {"name": "ann"}} == two.states() == states_of(two.known())
    assert states_of(one.known()) == {}, "nobody is told of itself"


async def test_collections_do_not_hear_each_other(hub, clock):
    heard = []
    hub.join("other", heard.append)
    one, _ = hub.join("tasks", lambda payload: None)
    one.set(7, {})
    await clock.advance(TICK)
    assert heard == []


async def test_leaving_announces_that_its_clients_are_gone(hub, clock):
    heard = []
    one, _ = hub.join("tasks", lambda payload: None)
    two, _ = hub.join("tasks", heard.append)
    one.set(7, {})
    one.set(8, {})
    two.set(9, {})
    await clock.advance(TICK)
    one.leave()
    one.leave()
    await clock.advance(TICK)
    assert states_of(heard[-1]) == {7: None, 8: None}
    assert two.states() == {9: {}}
    with pytest.raises(Closed):
        one.set(7, {})
    with pytest.raises(Closed):
        one.apply(update(7, 9, "{}"))


async def test_a_client_that_comes_through_another_connection_stays(hub, clock):
    """A client reconnects before the server notices that its old connection is dead."""
    old, _ = hub.join("tasks", lambda payload: None)
    new, _ = hub.join("tasks", lambda payload: None)
    old.set(7, {"n": 1})
    new.set(7, {"n": 2})
    old.leave()
    assert new.states() == {7: {"n": 2}}
    new.apply(update(8, 1, '{"n":1}'))
    assert new.states()[8] == {"n": 1}


async def test_states_that_were_set_are_renewed_for_stock_clients(hub, clock):
    heard = []
    one, _ = hub.join("tasks", heard.append)
    one.set(7, {"name": "ann"})
    one.apply(update(8, 1, "{}"))
    await clock.advance(TICK)
    heard.clear()
    await clock.advance(40)
    assert [states_of(payload) for payload in heard] == [{7: {"name": "ann"}}] * 2
    one.set(7, None)
    await clock.advance(40)
    assert [states_of(payload) for payload in heard[2:]] == [{7: None}]


async def test_a_renewal_by_the_client_itself_is_told_too(hub, clock):
    heard = []
    one, _ = hub.join("tasks", heard.append)
    one.apply(update(7, 1, "{}"))
    await clock.advance(TICK)
    heard.clear()
    one.apply(update(7, LEAP + 2, "{}"))
    await clock.advance(TICK)
    one.apply(update(7, LEAP + 3, "{}"))
    await clock.advance(TICK)
    one.apply(update(7, LEAP + 3, "{}"))
    await clock.advance(TICK)
    assert len(heard) == 2


async def test_a_stranger_is_asked_to_say_itself_again(hub, clock):
    """Others may know it from a server that ran before, and take nothing that is not newer."""
    heard = []
    one, _ = hub.join("tasks", heard.append)
    hub.join("tasks", lambda payload: None)
    one.apply(update(7, 5, "{}"))
    assert [decode_entries(payload) for payload in heard] == [[Entry(7, 5 + LEAP, None)]]
    one.apply(update(7, 6 + LEAP, "{}"))
    assert len(heard) == 1, "once"


async def test_a_renewal_that_fails_leaves_the_others(clock, monkeypatch):
    hub = PresenceHub(clock, TICK)
    heard = []
    one, _ = hub.join("tasks", heard.append)
    one.set(7, {"n": 1})
    one.set(8, {"n": 2})
    put = Awareness.put

    def fails_for_7(table, client, state, owner, at):
        if client == 7:
            raise LimitExceeded("no room")
        return put(table, client, state, owner, at)

    monkeypatch.setattr(Awareness, "put", fails_for_7)
    await clock.advance(TICK)
    heard.clear()
    await clock.advance(40)
    assert [states_of(payload) for payload in heard] == [{8: {"n": 2}}] * 2


async def test_an_empty_collection_is_forgotten(hub, clock):
    one, _ = hub.join("tasks", lambda payload: None)
    one.set(7, {})
    one.leave()
    await clock.advance(60)
    assert states_of(hub.join("tasks", lambda payload: None)[1]) == {}


async def test_large_ticks_are_split(clock):
    hub = PresenceHub(clock, TICK, PresenceLimits(tick_clients=2))
    heard = []
    one, _ = hub.join("tasks", heard.append)
    for client in range(5):
        one.set(client, {})
    await clock.advance(TICK)
    assert [len(states_of(payload)) for payload in heard] == [2]
    await clock.advance(2 * TICK)
    assert [len(states_of(payload)) for payload in heard] == [2, 2, 1]


async def test_limits(clock):
    hub = PresenceHub(clock, TICK, PresenceLimits(clients=3, clients_per_member=2, members=2))
    heard = []
    one, _ = hub.join("tasks", heard.append)
    two, _ = hub.join("tasks", heard.append)
    with pytest.raises(LimitExceeded, match="members"):
        hub.join("tasks", heard.append)
    one.set(1, {})
    one.set(2, {})
    with pytest.raises(LimitExceeded):
        one.set(3, {})
    two.apply(encode_entries([Entry(4, 1, "{}"), Entry(5, 1, "{}")]))
    await clock.advance(TICK)
    assert states_of(heard[0]) == {1: {}, 2: {}, 4: {}}


async def test_what_is_no_state_is_refused(hub):
    one, _ = hub.join("tasks", lambda payload: None)
    for state in (b"bytes", {"x": float("nan")}, {"x": "y" * 20_000}, {1, 2}, "\ud83d"):
        with pytest.raises(ValidationError):
            one.set(7, state)
    one.apply(b"\xff")
    with pytest.raises(InvalidName):
        hub.join("a//b", lambda payload: None)
    assert one.states() == {}


async def test_the_states_of_a_collection_and_of_all_are_bounded_in_bytes(clock):
    hub = PresenceHub(clock, TICK, PresenceLimits(collection_bytes=100, all_bytes=150))
    fat, thin = update(7, 1, f'"{"x" * 80}"'), update(8, 1, "{}")
    tasks, other = [hub.join(name, lambda payload: None)[0] for name in ("tasks", "other")]
    tasks.apply(fat)
    tasks.apply(update(9, 1, f'"{"x" * 30}"'))  # is left out, and nothing else happens
    other.apply(fat)
    assert (set(tasks.states()), set(other.states())) == ({7}, set())
    with pytest.raises(LimitExceeded, match=r"100 bytes \(collection_bytes\)"):
        tasks.set(1, "x" * 30)
    with pytest.raises(LimitExceeded, match=r"150 bytes \(all_bytes\)"):
        other.set(1, "x" * 80)
    other.apply(thin)
    tasks.apply(update(7, 2, "{}"))
    other.apply(fat)
    assert (set(tasks.states()), set(other.states())) == ({7}, {7, 8})


async def test_a_collection_that_everybody_left_has_room_again_for_others(clock):
    hub = PresenceHub(clock, TICK, PresenceLimits(all_bytes=100))
    for name in ("tasks", "other", "more"):
        member, _ = hub.join(name, lambda payload: None)
        member.set(1, "x" * 80)
        member.leave()
