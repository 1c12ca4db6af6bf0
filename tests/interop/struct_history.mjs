// Random histories by several Yjs documents: every shared type, formats, halves of astral characters, undo,
// subdocuments, values that only JavaScript has. One seed, one history.

import * as Y from 'yjs'

/** Random numbers from a seed (mulberry32). */
export class Random {
  constructor (seed) { this.state = seed >>> 0 }

  next () {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let mixed = this.state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }

  below (end) { return Math.floor(this.next() * end) }
  chance (share) { return this.next() < share }
  of (list) { return list[this.below(list.length)] }
}

const WORDS = ['a', 'bc', 'é', '日本', 'x'.repeat(20), 'tea ']
const ASTRAL = ['🦊', '👩‍👧', 'a🦊b', '𝒳𝒴']
const KEYS = ['a', 'b', 'ключ', '']
const ROOTS = { text: 'Text', list: 'Array', map: 'Map', xml: 'XmlFragment' }

const plain = [
  () => null, () => [undefined], () => true, () => 7, () => -0, () => 2 ** 40, () => 1.5, () => 'é🦊',
  () => new Uint8Array([1, 2, 3]), () => ({ b: 1, a: [null, { c: '' }] }), () => [], () => [9007199254740993n]
]

/**
 * A history: updates in an order in which each finds what it builds on.
 *
 * halves: whether text may be cut between the halves of an astral character; gc: of the documents.
 */
export function history ({ seed, edits = 40, clients = 3, halves = true, gc = true }) {
  const random = new Random(seed)
  const log = []
  const writers = []
  for (let n = 0; n < clients; n++) writers.push(new Writer(random, random.below(2 ** 32), { halves, gc }))
  for (let n = 0; n < edits; n++) {
    const writer = random.of(writers)
    if (random.chance(0.4)) writer.pull(log, random.chance(0.5))
    writer.edit()
    if (random.chance(0.5)) writer.push(log)
  }
  for (const writer of writers) writer.push(log)
  return log.map(({ update }) => update)
}

class Writer {
  constructor (random, clientID, { halves, gc }) {
    this.random = random
    this.doc = new Y.Doc({ gc })
    this.doc.clientID = clientID
    this.halves = halves
    this.outbox = []
    this.seen = 0
    this.doc.on('update', (update, origin) => { if (origin !== 'pull') this.outbox.push(update) })
    for (const [name, kind] of Object.entries(ROOTS)) this.doc['get' + kind](name)
    this.undo = new Y.UndoManager([...this.doc.share.values()], { captureTimeout: 0 })
  }

  /** Take what others did, all of it or the first few. */
  pull (log, all) {
    const end = all ? log.length : Math.min(log.length, this.seen + this.random.below(5))
    for (; this.seen < end; this.seen++) {
      if (log[this.seen].by !== this) Y.applyUpdate(this.doc, log[this.seen].update, 'pull')
    }
  }

  /** Give what was done since the last time: one by one or merged. */
  push (log) {
    const updates = this.outbox.splice(0)
    if (updates.length > 1 && this.random.chance(0.3)) updates.push(Y.mergeUpdates(updates.splice(0)))
    for (const update of updates) log.push({ by: this, update })
  }

  edit () {
    const { random } = this
    const how = random.next()
    if (how < 0.08) this.undo.undo()
    else if (how < 0.11) this.undo.redo()
    else this.doc.transact(() => { for (let n = random.of([1, 1, 2, 6]); n--;) this.step() })
  }

  step () {
    const type = this.random.of(this.types())
    if (type instanceof Y.Text) this.editText(type)
    else if (type instanceof Y.Array) this.editArray(type)
    else if (type instanceof Y.Map) this.editMap(type)
    else this.editXml(type)
  }

  /** All shared types that are there. */
  types () {
    const found = []
    const visit = type => {
      if (!(type instanceof Y.AbstractType)) return
      found.push(type)
      if (type instanceof Y.Map) type.forEach(visit)
      else if (!(type instanceof Y.Text)) type.toArray().forEach(visit)
    }
    for (const [name, kind] of Object.entries(ROOTS)) visit(this.doc['get' + kind](name))
    return found
  }

  editText (text) {
    const { random } = this
    const at = this.place(text)
    const size = Math.min(random.below(5), text.length - at)
    const how = random.next()
    if (how < 0.5) text.insert(at, this.word(), random.chance(0.2) ? { bold: true } : undefined)
    else if (how < 0.7) text.delete(at, this.halves ? size : this.whole(text, at, size))
    else if (how < 0.85) text.format(at, this.halves ? size : this.whole(text, at, size), { bold: random.of([true, null]), size: random.below(3) })
    else if (how < 0.92) text.insertEmbed(at, { image: 'é' })
    else if (text instanceof Y.XmlText) text.setAttribute(random.of(KEYS), this.word())
    else text.insertEmbed(at, this.make())
  }

  editArray (array) {
    const { random } = this
    const at = random.below(array.length + 1)
    if (random.chance(0.3)) return array.delete(at, Math.min(random.below(4), array.length - at))
    const made = Array.from({ length: random.of([1, 1, 3]) }, () => this.content())
    array.insert(random.chance(0.5) ? array.length : at, made)
  }

  editMap (map) {
    const key = this.random.of(KEYS)
    if (this.random.chance(0.25)) map.delete(key)
    else map.set(key, this.content())
  }

  editXml (node) {
    const { random } = this
    const at = random.below(node.length + 1)
    if (random.chance(0.25)) return node.delete(at, Math.min(random.below(3), node.length - at))
    if (node instanceof Y.XmlElement && random.chance(0.3)) return node.setAttribute(random.of(KEYS), this.word())
    node.insert(at, [random.chance(0.5) ? new Y.XmlText(this.word()) : new Y.XmlElement('p')])
  }

  content () {
    const { random } = this
    if (random.chance(0.35)) return this.make()
    if (random.chance(0.05)) return new Y.Doc({ guid: 'guid-' + random.below(99), meta: { é: 1 }, autoLoad: random.chance(0.5) })
    return random.of(plain)()
  }

  make () {
    const { random } = this
    const kind = random.below(4)
    if (kind === 0) return new Y.Text(this.word())
    if (kind === 1) return Y.Array.from([1, 'b'])
    if (kind === 2) return new Y.Map([['a', this.word()]])
    return new Y.XmlElement('div')
  }

  word () { return this.random.of(this.random.chance(0.3) ? ASTRAL : WORDS) }

  /** A place in a text; between the halves of a character only where that is asked for. */
  place (text) {
    const at = this.random.below(text.length + 1)
    return this.halves ? at : at - (this.isHalf(text, at) ? 1 : 0)
  }

  whole (text, at, size) { return this.isHalf(text, at + size) ? size - 1 : size }

  isHalf (text, at) {
    let before = 0
    for (const { insert } of text.toDelta()) {
      const size = typeof insert === 'string' ? insert.length : 1
      if (at > before && at < before + size) return insert.charCodeAt(at - before) >> 10 === 0x37
      before += size
    }
    return false
  }
}
