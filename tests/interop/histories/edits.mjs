// What a client of a history does to its document, by name. Everything is picked from what is there.

import * as Y from 'yjs'
import { DELICATE, VALUES } from './values.mjs'

const STRINGS = ['a', 'bc', 'd\n', 'é漢', '😀', 'x😁y', '👩‍👩‍👧', 'Hello ']
const KEYS = ['k1', 'k2', 'k3']
const RECORDS = ['r1', 'r2', 'r3']
const MARKS = [{ bold: true }, { bold: null }, { italic: { by: 'ann' } }, { link: '🔗', bold: false }]

// The types at the top of a document, which every client opens.
export const roots = doc => [
  doc.getMap('records'), doc.getMap('meta'), doc.getArray('list'), doc.getText('body'), doc.getXmlFragment('page')
]

// Carries out one edit. `features` are the names of what may happen; what they rule out does nothing.
export function edit (doc, name, random, features) {
  const names = name === 'several' ? Array.from({ length: 2 + random.below(4) }, () => random.pick(NAMES)) : [name]
  doc.transact(() => { for (const one of names) EDITS[one](new Place(doc, random, features)) })
}

const EDITS = {
  'text.insert' (place) {
    const text = place.text()
    if (text) text.insert(place.position(text), place.random.pick(STRINGS), place.marks(2))
  },

  'text.delete' (place) {
    const text = place.text()
    if (text) text.delete(...place.stretch(text))
  },

  // Marks stand between whole characters: one that changes nothing would split the character only here.
  'text.format' (place) {
    const text = place.features.has('formats') ? place.text() : null
    if (text) text.format(...place.stretch(text, false), place.random.pick(MARKS))
  },

  'text.embed' (place) {
    const text = place.features.has('embeds') ? place.text() : null
    if (!text) return
    const shared = place.features.has('embedded-types') && place.random.oneIn(3)
    text.insertEmbed(place.position(text), shared ? place.nested() : { image: 'a.png' }, place.marks(3))
  },

  'map.set' (place) {
    place.map().set(place.random.pick(KEYS), place.value())
  },

  'map.delete' (place) {
    const map = place.map()
    if (place.random.oneIn(6)) map.clear()
    else map.delete(place.random.pick(KEYS))
  },

  'array.insert' (place) {
    const array = place.one(Y.Array)
    const values = Array.from({ length: 1 + place.random.below(3) }, () => place.value())
      .map(value => typeof value === 'bigint' ? [value] : value) // arrays take none as it is
    array.insert(place.random.oneIn(2) ? array.length : place.random.below(array.length + 1), values)
  },

  'array.delete' (place) {
    const array = place.one(Y.Array)
    const from = place.random.below(array.length + 1)
    array.delete(from, Math.min(array.length - from, 1 + place.random.below(2)))
  },

  'xml.insert' (place) {
    const parent = place.one(Y.XmlFragment, Y.XmlElement)
    const child = place.random.oneIn(2) ? element(place.random) : new Y.XmlText(place.random.pick(STRINGS))
    parent.insert(place.random.below(parent.length + 1), [child])
  },

  'xml.delete' (place) {
    const parent = place.one(Y.XmlFragment, Y.XmlElement)
    if (parent.length) parent.delete(place.random.below(parent.length), 1)
  },

  'xml.attribute' (place) {
    const node = place.one(Y.XmlElement)
    if (!node) return
    if (place.random.oneIn(4)) node.removeAttribute('class')
    else node.setAttribute(place.random.pick(['class', 'id']), place.random.pick(STRINGS))
  },

  'record.put' (place) {
    const { random } = place
    const fields = [['title', random.pick(STRINGS)], ['done', false], ['notes', new Y.Text(random.pick(STRINGS))]]
    place.records().set(random.pick(RECORDS), new Y.Map(fields))
  },

  'record.field' (place) {
    const record = place.records().get(place.random.pick(RECORDS))
    if (record) record.set(place.random.pick(['title', 'done', 'owner']), place.value())
  },

  'record.delete' (place) {
    place.records().delete(place.random.pick(RECORDS))
  }
}

export const NAMES = Object.keys(EDITS)

// What one edit picks its place from.
class Place {
  constructor (doc, random, features) {
    this.doc = doc
    this.random = random
    this.features = features
  }

  // One of the live types of these classes, nested ones included.
  one (...classes) {
    const found = []
    const visit = type => {
      if (classes.includes(type.constructor)) found.push(type)
      innerTypes(type).forEach(visit)
    }
    roots(this.doc).forEach(visit)
    return found.length ? this.random.pick(found) : null
  }

  text () {
    return this.one(Y.Text, Y.XmlText)
  }

  records () {
    return this.doc.getMap('records')
  }

  // Any map but the root of the records, all of whose entries are maps.
  map () {
    const map = this.one(Y.Map)
    return map === this.records() ? this.doc.getMap('meta') : map
  }

  // Marks for what is inserted, in one of n cases.
  marks (n) {
    return this.features.has('formats') && this.random.oneIn(n) ? this.random.pick(MARKS) : undefined
  }

  value () {
    const { random, features } = this
    if (features.has('delicate') && random.oneIn(4)) return random.pick(DELICATE)
    if (features.has('subdocuments') && random.oneIn(12)) return subdocument(random)
    return features.has('nested') && random.oneIn(3) ? this.nested() : random.pick(VALUES)
  }

  nested () {
    const { random } = this
    const makers = [
      () => new Y.Map([[random.pick(KEYS), random.pick(VALUES)], ['made', 1]]),
      () => Y.Array.from([random.pick(VALUES), 2]),
      () => new Y.Text(random.pick(STRINGS)),
      ...(this.features.has('xml-in-maps') ? [() => element(random)] : [])
    ]
    return random.pick(makers)()
  }

  // A position within a text: between any two code units, or only between whole characters.
  position (text, halves = this.features.has('halves')) {
    const units = unitsOf(text)
    const all = Array.from({ length: units.length + 1 }, (_, at) => at)
    return this.random.pick(halves ? all : all.filter(at => !(isHigh(units[at - 1]) && isLow(units[at]))))
  }

  // The position and length of a stretch.
  stretch (text, halves) {
    const [from, to] = [this.position(text, halves), this.position(text, halves)].sort((one, other) => one - other)
    return [from, to - from]
  }
}

const isHigh = unit => unit >= 0xD800 && unit <= 0xDBFF
const isLow = unit => unit >= 0xDC00 && unit <= 0xDFFF

// The code units of a text; what is embedded counts as one, 0.
const unitsOf = text => text.toDelta().flatMap(({ insert }) =>
  typeof insert === 'string' ? Array.from({ length: insert.length }, (_, at) => insert.charCodeAt(at)) : [0])

function innerTypes (type) {
  const items = [...type._map.values()]
  for (let item = type._start; item; item = item.right) items.push(item)
  return items.filter(item => !item.deleted && item.content instanceof Y.ContentType).map(item => item.content.type)
}

function element (random) {
  const made = new Y.XmlElement(random.pick(['p', 'h1']))
  made.setAttribute('class', random.pick(STRINGS))
  made.insert(0, [new Y.XmlText(random.pick(STRINGS))])
  return made
}

function subdocument (random) {
  const options = [{}, { autoLoad: true }, { gc: false, meta: { title: 'sub', n: 1 } }]
  return new Y.Doc({ guid: `sub${random.below(3)}`, ...random.pick(options) })
}
