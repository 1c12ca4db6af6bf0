// What Yjs makes of updates: one JSON request a line on stdin, one JSON answer a line on stdout, in order.
// Bytes travel as base64.
//
//   {do: 'history', seed, ...}                a random history: its updates in causal order, its deliveries
//                                             (the same in any order, doubled, merged), what they come to
//   {do: 'judge', updates, gc}                what a document has after them

import { createInterface } from 'node:readline'
import * as Y from 'yjs'
import { Random, history } from './struct_history.mjs'

// A Yjs document that takes formats from others deletes those that do nothing, more or fewer of them by how the
// updates came. Judges leave all as it came; the writers of histories do as they always do.
let tidy = true
Object.defineProperty(Y.Text.prototype, '_hasFormatting', {
  get () { return tidy && this._formatted },
  set (formatted) { this._formatted = formatted }
})

const toBytes = text => new Uint8Array(Buffer.from(text, 'base64'))
const toText = bytes => Buffer.from(bytes).toString('base64')

/** Everything that a document shows, also in roots of which nobody has said what they are. */
function content (doc) {
  const roots = {}
  for (const name of [...doc.share.keys()].sort()) {
    const shown = shownType(doc.share.get(name))
    if (shown.list.length || Object.keys(shown.map).length) roots[name] = shown
  }
  return roots
}

function shownType (type) {
  const list = []
  for (let item = type._start; item; item = item.right) {
    if (!item.deleted) for (const shown of shownContent(item.content)) list.push(shown) // they may be very many
  }
  const map = {}
  for (const key of [...type._map.keys()].sort()) {
    const item = type._map.get(key)
    if (!item.deleted) map[key] = shownContent(item.content).at(-1)
  }
  return { list, map }
}

function shownContent (content) {
  switch (content.constructor) {
    case Y.ContentType: return [{ type: content.type.constructor.name, name: content.type.nodeName, ...shownType(content.type) }]
    case Y.ContentFormat: return [{ format: content.key, value: shownValue(content.value) }]
    case Y.ContentDoc: return [{ subdocument: content.doc.guid, options: shownValue(content.opts) }]
    case Y.ContentString: return Array.from({ length: content.str.length }, (_, at) => content.str.charCodeAt(at))
    default: return content.getContent().map(shownValue)
  }
}

/** A value as JSON can tell it from every other. */
function shownValue (value) {
  if (value === undefined) return { undefined: true }
  if (typeof value === 'bigint') return { bigint: String(value) }
  if (Object.is(value, -0)) return { minus: 0 }
  if (value instanceof Uint8Array) return { bytes: toText(value) }
  if (Array.isArray(value)) return value.map(shownValue)
  if (value && typeof value === 'object') return { entries: Object.entries(value).map(([key, each]) => [key, shownValue(each)]) }
  return value
}

function deletes (doc) {
  const found = {}
  for (const [client, ranges] of Y.createDeleteSetFromStructStore(doc.store).clients) {
    const merged = found[client] = []
    for (const { clock, len } of ranges) {
      const last = merged.at(-1)
      if (last && last[0] + last[1] === clock) last[1] += len
      else merged.push([clock, len])
    }
  }
  return found
}

function judge ({ updates, gc = true }) {
  tidy = false
  const doc = new Y.Doc({ gc })
  for (const update of updates) Y.applyUpdate(doc, toBytes(update))
  tidy = true
  return {
    content: content(doc),
    vector: Object.fromEntries(Y.decodeStateVector(Y.encodeStateVector(doc))),
    deletes: deletes(doc),
    pending: Boolean(doc.store.pendingStructs || doc.store.pendingDs),
    size: Y.encodeStateAsUpdate(doc).length
  }
}

/** The same updates in any order: some twice, some merged with their neighbours. */
function deliveries (random, updates, far) {
  const order = updates.map((update, at) => ({ update, at: at + random.next() * far }))
  for (const { update, at } of [...order]) if (random.chance(0.1)) order.push({ update, at: at + random.next() * far })
  order.sort((one, other) => one.at - other.at)
  const delivered = []
  for (let at = 0; at < order.length;) {
    const size = random.chance(0.2) ? 1 + random.below(6) : 1
    const group = order.slice(at, at += size).map(({ update }) => update)
    delivered.push(group.length > 1 ? Y.mergeUpdates(group) : group[0])
  }
  return delivered
}

function made (options) {
  const updates = history(options)
  const random = new Random(options.seed + 1)
  const delivered = deliveries(random, updates, options.far ?? 0)
  const told = updates.map(toText)
  return { updates: told, deliveries: delivered.map(toText), judged: judge({ updates: told, gc: options.gc }) }
}

const actions = { history: made, judge }

createInterface({ input: process.stdin }).on('line', line => {
  const request = JSON.parse(line)
  try {
    console.log(JSON.stringify({ value: actions[request.do](request) }))
  } catch (error) {
    console.log(JSON.stringify({ error: String(error?.stack ?? error) }))
  }
})
