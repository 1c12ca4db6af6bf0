"""The source of a fragment in Python is Yjs' own, where nothing has to be escaped."""

from random import Random
from typing import Any

import protobase_live as pb
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import NodeClients

FRAGMENTS = 60

BUILD = """
const put = (parent, tree) => {
  if (tree.runs) {
    const text = new Y.XmlText()
    parent.insert(parent.length, [text])
    for (const [content, marks] of tree.runs) text.insert(text.length, content, marks)
    return
  }
  const element = new Y.XmlElement(tree.tag)
  parent.insert(parent.length, [element])
  for (const [name, value] of Object.entries(tree.attributes)) element.setAttribute(name, value)
  for (const each of tree.inside) put(element, each)
}
doc.transact(() => {
  args.fragments.forEach((trees, n) => trees.forEach(each => put(doc.getXmlFragment(`page${n}`), each)))
  doc.getMap('records').set('done', new Y.Map())
})
return args.fragments.map((_, n) => doc.getXmlFragment(`page${n}`).toString())
"""


def tree(random: Random, depth: int = 0) -> Any:
    """An element, or a text with marks, as a rich-text editor makes them."""
    if depth == 4 or random.random() < 0.4:
        return {"runs": [[word(random), marks(random)] for _ in range(random.randint(0, 3))]}
    pairs = {random.choice(["class", "level", "data-id"]): word(random) for _ in range(random.randint(0, 3))}
    pairs |= {"n": random.choice([1, 2.5, True, None])} if random.random() < 0.2 else {}
    inside = [tree(random, depth + 1) for _ in range(random.randint(0, 3))]
    return {
        "tag": random.choice(["paragraph", "heading", "list-item"]),
        "attributes": pairs,
        "inside": inside,
    }


def word(random: Random) -> str:
    return "".join(random.choice("ab zä漢😀.,") for _ in range(random.randint(1, 6)))


def marks(random: Random) -> dict[str, Any]:
    known = {"bold": {}, "em": True, "link": {"href": "https://a.example/?b=c", "rel": "x"}}
    return {name: known[name] for name in random.sample(sorted(known), random.randint(0, 3))}


async def test_the_source_is_that_of_yjs(server: ServerProcess, node: NodeClients):
    random = Random(7)
    fragments = [[tree(random) for _ in range(random.randint(0, 4))] for _ in range(FRAGMENTS)]
    client = await (await node.open(server.yjs, "pages")).synced()
    async with pb.connect(server.live) as db:
        pages = await db.collection("pages")
        async with pages.changes() as changes:
            expected = await client.run(BUILD, fragments=fragments)
            await anext(changes)
        found = [await pages.xml_fragment(f"page{n}").value() for n in range(FRAGMENTS)]
    assert found == expected
    assert sum(map(len, found)) > 10_000
