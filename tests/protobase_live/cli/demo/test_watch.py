"""What is known of nodes and links."""

from types import SimpleNamespace

from protobase_actors import ManualClock
from protobase_live.cli.demo.watch import Watch
from protobase_live.model.node_status import LinkStatus, NodeStatus
from protobase_live.model.state_hash import StateHash


class Demo:
    """Two nodes and their link."""

    def __init__(self) -> None:
        nodes = {name: self._node(name) for name in ("n1", "n2")}
        self.nodes = nodes
        self.cut = False
        self.clock = ManualClock()
        links = SimpleNamespace(pairs=[("n1", "n2")], is_cut=lambda pair: self.cut)
        self.watch = Watch(SimpleNamespace(all=nodes), links, [], self.clock)

    def _node(self, name):
        return SimpleNamespace(node=SimpleNamespace(name=name, url=f"ws://{name}"), state="up", pid=7)

    async def look(self, name, *, hash="aa", commits=1, linked=True, lacks=0, seconds=0.0):
        """A node is looked at."""
        other = "id-n2" if name == "n1" else "id-n1"
        link = LinkStatus(other, None, linked, lacking_commits=lacks, lacking_seconds=seconds)
        status = NodeStatus(f"id-{name}", 2, 0, 0, 0, 0, [link])

        async def cluster_status():
            return status

        async def state_hash(collection):
            return StateHash(hash, {"w": commits})

        await self.watch._look(name, SimpleNamespace(cluster_status=cluster_status, state_hash=state_hash))

    @property
    def link(self):
        (link,) = self.watch.state()["links"]
        return link

    @property
    def hashes(self):
        return [each["hash"] for each in self.watch.state()["nodes"]]


async def test_nothing_is_said_of_nodes_that_were_not_looked_at():
    demo = Demo()
    assert demo.hashes == [None, None]
    assert demo.link == {"between": ["n1", "n2"], "cut": False, "up": False, "lag_ms": 0.0, "behind": 0}


async def test_hashes_are_equal_when_nodes_show_the_same():
    demo = Demo()
    await demo.look("n1", hash="aa")
    await demo.look("n2", hash="bb")
    one, two = demo.hashes
    assert one != two
    await demo.look("n2", hash="aa")
    assert demo.hashes == [one, one]
    demo.nodes["n2"].state = "down"
    assert demo.hashes == [one, None]


async def test_a_link_that_is_up_lags_as_its_nodes_say():
    demo = Demo()
    await demo.look("n1", lacks=2, seconds=0.0031)
    await demo.look("n2", lacks=1, seconds=0.5)
    assert demo.link == {"between": ["n1", "n2"], "cut": False, "up": True, "lag_ms": 500.0, "behind": 3}


async def test_a_link_that_is_cut_lags_by_what_either_side_lacks():
    demo = Demo()
    for name in demo.nodes:
        await demo.look(name)
    demo.cut = True
    assert (demo.link["up"], demo.link["behind"]) == (False, 0)
    await demo.look("n1", commits=3)
    await demo.clock.advance(2.0)
    assert demo.link == {"between": ["n1", "n2"], "cut": True, "up": False, "lag_ms": 2000.0, "behind": 2 * 3}


async def test_a_link_with_a_node_that_is_down_is_not_up_whatever_was_heard_of_it():
    demo = Demo()
    for name in demo.nodes:
        await demo.look(name)
    demo.nodes["n2"].state = "down"
    await demo.look("n1", commits=2)
    assert (demo.link["up"], demo.link["behind"]) == (False, 3)


async def test_what_else_a_page_wants_to_know():
    state = Demo().watch.state()
    assert state["nodes"][0] == {"name": "n1", "url": "ws://n1", "state": "up", "pid": 7, "hash": None}
    assert {name: state[name] for name in ("users", "board", "people", "document")} == {
        "users": 0, "board": "demo/board", "people": "demo/people", "document": "demo/notes",
    }  # fmt: skip
