"""What a Yjs client wrote has one state hash, however its updates came to a database."""

from __future__ import annotations

from contextlib import AsyncExitStack

import protobase_live as pb
from tests.support.yjs_node import NodeClients

EDIT = """
const updates = []
const keep = update => updates.push(update)
doc.on('update', keep)
const text = doc.getText('t'), records = doc.getMap('records'), page = doc.getXmlFragment('page')
for (const letter of 'Grüße 😀!') text.insert(text.length, letter)
text.format(0, 3, {bold: true})
text.format(1, 2, {bold: null, link: {href: 'a', rel: 'b'}})
text.insertEmbed(2, {image: 'x'})
text.delete(4, 2)
for (const key of ['b', 'a', 'gone']) {
  records.set(key, new Y.Map())
  records.get(key).set('title', new Y.Text(key))
  records.get(key).set('plain', {z: 1, a: [1, null, 2.5], b: new Uint8Array([1])})
}
records.delete('gone')
const list = new Y.Array()
records.get('a').set('list', list)
for (const each of [1, 'x', true]) list.insert(0, [each])
const element = new Y.XmlElement('p'), inside = new Y.XmlText()
page.insert(0, [element])
element.setAttribute('level', '2')
element.setAttribute('align', 'left')
element.insert(0, [inside])
inside.insert(0, 'words')
inside.format(1, 2, {em: {}})
doc.off('update', keep)
return updates
"""

APPLY = "for (const update of args.updates) Y.applyUpdate(doc, update)"


async def test_it_does_not_depend_on_how_updates_were_cut(node: NodeClients) -> None:
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(pb.open("memory:")) for _ in range(3)]
        servers = [await stack.enter_async_context(pb.Server(each, port=0)) for each in databases]
        urls = [each.url.replace("http", "ws") + "/yjs" for each in servers]
        author, whole, backwards = [await (await node.open(url, "page")).synced() for url in urls]
        empty = await databases[0].state_hash("page")
        updates = await author.run(EDIT)
        await whole.run(APPLY, updates=[await author.get("Y.encodeStateAsUpdate(doc)")])
        await backwards.run(APPLY, updates=updates[::-1])
        vector = await author.state()
        for url in urls:
            fresh = await (await node.open(url, "page")).synced()
            await fresh.until_equal("Y.encodeStateVector(doc)", vector)
        found = [await each.state_hash("page") for each in databases]
        assert len(updates) > 30
        assert found[0].hash == found[1].hash == found[2].hash != empty.hash
        await author.run("doc.getText('t').format(0, 1, {bold: false})")
        vector = await author.state()
        fresh = await (await node.open(urls[0], "page")).synced()
        await fresh.until_equal("Y.encodeStateVector(doc)", vector)
        assert (await databases[0].state_hash("page")).hash != found[0].hash
