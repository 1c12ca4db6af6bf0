// Yjs clients that edit at random, some of which may not; what each was sent is kept (see requests.mjs).
//
//   {do: 'open', client, url, room, options}    a provider; options.params has the token
//
// The code sees doc, provider, awareness, edit(seed, steps, kind, own), state() and received(text).

import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { serve } from './requests.mjs'

const random = seed => () => { // mulberry32
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

const record = fields => new Y.Map(Object.entries(fields))

// Each is given the document, what picks a number below n, and a text that nobody else writes.
const rights = {
  title: ({ record }, pick, text) => record?.set('title', text),
  done: ({ record }, pick) => record?.set('done', pick(2) === 0),
  insert: ({ records, key }, pick, text) => records.set(key, record({ title: text, done: false })),
  remove: ({ records, key }) => records.delete(key),
  type: ({ body }, pick, text) => body.insert(pick(body.length + 1), text),
  cut: ({ body }, pick) => body.length > 3 && body.delete(pick(body.length - 3), 1 + pick(3)),
  bold: ({ body }, pick) => body.length > 3 && body.format(pick(body.length - 3), 3, { bold: pick(2) ? true : null }),
  tree: ({ tree }, pick, text) => {
    const p = new Y.XmlElement('p')
    p.setAttribute('name', text)
    p.insert(0, [new Y.XmlText(text)])
    tree.insert(pick(tree.length + 1), [p])
  },
  within: ({ tree }, pick, text) => tree.length && tree.get(pick(tree.length)).insert(0, [new Y.XmlText(text)]),
  prune: ({ tree }, pick) => tree.length && tree.delete(pick(tree.length), 1),
  push: ({ list }, pick, text) => list.insert(pick(list.length + 1), [text, 1]),
  pull: ({ list }, pick) => list.length && list.delete(pick(list.length), 1)
}
const wrongs = {
  title: ({ record }, pick, text) => record?.set('title', [text]),
  lacks: ({ records }, pick, text) => records.set('n' + pick(3), record({ done: false, owner: text })),
  more: ({ record }, pick, text) => record?.set('owner', text),
  nested: ({ record }, pick, text) => record?.set('done', new Y.Text(text)),
  plain: ({ records, key }, pick, text) => records.set(key, text),
  half: ({ record }) => record?.delete('title')
}
const limited = {
  ...wrongs,
  done: ({ record }, pick, text) => record?.set('done', text),
  type: rights.type,
  tree: rights.tree
}
const may = {
  writer: [rights, {}],
  offender: [rights, wrongs],
  limited: [{ title: rights.title }, limited],
  reader: [{}, { ...rights, ...wrongs }]
}

function editor (doc) {
  const records = doc.getMap('records')
  const [body, tree, list] = [doc.getText('body'), doc.getXmlFragment('tree'), doc.getArray('list')]
  const undo = new Y.UndoManager([records, body, tree, list], { captureTimeout: 0 })
  let count = 0
  return (seed, steps, kind, own) => {
    const next = random(seed)
    const pick = n => Math.floor(next() * n)
    const [good, bad] = may[kind]
    for (let step = 0; step < steps; step++) {
      if (pick(6) === 0) {
        pick(3) ? undo.undo() : undo.redo()
        continue
      }
      const wrong = Object.keys(bad).length && (!Object.keys(good).length || pick(2))
      const actions = Object.values(wrong ? bad : good)
      const text = (wrong ? 'BAD' : 'ok') + own + (count++) + '.'
      doc.transact(() => {
        for (let n = 1 + pick(2); n; n--) {
          const key = 't' + pick(4)
          const found = records.get(key)
          const at = { records, key, record: found instanceof Y.Map ? found : null, body, tree, list }
          actions[pick(actions.length)](at, pick, text)
        }
      })
    }
  }
}

serve(({ url, room, options }, happened) => {
  const doc = new Y.Doc()
  const frames = []
  class Recording extends WebSocket {
    constructor (...how) {
      super(...how)
      this.on('message', data => frames.push(Buffer.from(data)))
    }
  }
  const provider = new WebsocketProvider(url, room, doc, {
    WebSocketPolyfill: Recording, disableBc: true, maxBackoffTime: 100, ...options
  })
  for (const name of ['status', 'sync', 'connection-close']) provider.on(name, happened)
  doc.on('update', happened)
  provider.awareness.on('update', happened)
  const edit = editor(doc)
  const state = () => ({
    records: doc.getMap('records').toJSON(),
    body: doc.getText('body').toDelta(),
    tree: doc.getXmlFragment('tree').toString(),
    list: doc.getArray('list').toJSON(),
    clocks: [...Y.decodeStateVector(Y.encodeStateVector(doc))].sort((a, b) => a[0] - b[0]),
    deleted: [...Y.snapshot(doc).ds.clients].sort((a, b) => a[0] - b[0])
      .map(([client, gone]) => [client, merged(gone)])
  })
  const received = text => frames.filter(frame => frame.includes(text)).length
  return { doc, provider, awareness: provider.awareness, edit, state, received, frames, Y }
})

// Ranges that touch are one, however they came to be.
function merged (gone) {
  const ranges = []
  for (const { clock, len } of [...gone].sort((a, b) => a.clock - b.clock)) {
    const last = ranges.at(-1)
    if (last && last[1] >= clock) last[1] = Math.max(last[1], clock + len)
    else ranges.push([clock, clock + len])
  }
  return ranges
}
