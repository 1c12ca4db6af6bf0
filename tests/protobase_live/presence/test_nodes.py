from protobase_live.presence.node_words import Links
from protobase_live.presence.nodes import Nodes


def knowing(*words: Links, most: int = 10) -> Nodes:
    nodes = Nodes(1, most)
    nodes.link([2])
    nodes.learn(words)
    return nodes


def test_links_lead_from_node_to_node():
    nodes = knowing(Links(2, 1, (1, 3)), Links(3, 1, (2, 4)), Links(4, 1, (3, 9)))
    assert list(nodes.reachable()) == [1, 2, 3, 4]
    assert nodes.reachable()[1] == Links(1, 2, (2,))


def test_nobody_reaches_who_only_claims_a_link_itself():
    nodes = knowing(Links(2, 1, (1,)), Links(3, 1, (2,)))
    assert list(nodes.reachable()) == [1, 2]
    assert nodes.others == [2, 3]


def test_only_a_later_word_counts():
    nodes = knowing(Links(2, 5, (1, 3)), Links(3, 1, ()))
    assert not nodes.learn([Links(2, 5, ()), Links(2, 4, ()), Links(1, 99, (3,))])
    assert list(nodes.reachable()) == [1, 2, 3]
    assert nodes.learn([Links(2, 6, ())])
    assert list(nodes.reachable()) == [1, 2]


def test_nodes_are_limited():
    nodes = knowing(Links(2, 1, (3,)), Links(3, 1, ()), most=2)
    assert nodes.others == [2]
    assert nodes.learn([Links(2, 2, ())]), "those that are known may say more"
    nodes.forget(2)
    assert nodes.others == []
