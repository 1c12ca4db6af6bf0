// No editor: Yjs's shared types, as an application changes them.

import * as Y from 'yjs'

export function open (doc, provider, random) {
  const text = doc.getText('text')
  const list = doc.getArray('list')
  const records = doc.getMap('records')
  const page = doc.getXmlFragment('page')

  const write = () => text.insert(random.below(text.length + 1), random.word())
  const edits = [
    write,
    write,
    () => remove(text),
    () => {
      // not in halves of characters: Yjs cuts one for a mark that is there already, and tells nobody
      const [from, to] = random.span(text.toString(), 6)
      text.format(from, to - from, { bold: random.pick([true, null]) })
    },
    () => list.insert(random.below(list.length + 1), [random.below(100), { word: random.word() }, null]),
    () => remove(list),
    () => records.set('r' + random.below(5), new Y.Map([['title', random.word()], ['n', random.below(100)]])),
    () => records.get('r' + random.below(5))?.set('tags', Y.Array.from([random.word(), random.word()])),
    () => records.delete('r' + random.below(5)),
    () => {
      const element = new Y.XmlElement(random.pick(['p', 'h1']))
      element.insert(0, [new Y.XmlText(random.word())])
      page.insert(random.below(page.length + 1), [element])
    },
    () => page.length > 0 && page.get(random.below(page.length)).setAttribute('align', random.pick(['left', 'right'])),
    () => remove(page)
  ]

  function remove (type) {
    const [from, to] = random.range(type.length, 4)
    type.delete(from, to - from)
  }

  return () => doc.transact(random.pick(edits))
}

export function content (doc) {
  return [
    doc.getText('text').toDelta(), doc.getArray('list'), doc.getMap('records'), doc.getXmlFragment('page').toString()
  ]
}
