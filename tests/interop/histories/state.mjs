// What a document is, in two forms.
//
// exact: the items as they stand in the document (content, marks, nested types, options of subdocuments), the
// state vector and all deletions. Two Yjs documents that have seen the same agree in it.
//
// plain: the values, as any engine can read them. Engines agree in it when they have different items.

import * as Y from 'yjs'
import { visible } from './values.mjs'

const OPEN = { '': 'the document' }

export function exact (doc) {
  const deleted = Y.createDeleteSetFromStructStore(doc.store)
  return {
    content: roots(doc, items),
    state: sorted(Y.decodeStateVector(Y.encodeStateVector(doc))),
    deleted: sorted(deleted.clients, ranges => ranges.map(({ clock, len }) => [clock, clock + len]))
  }
}

export function plain (doc) {
  return roots(doc, runs)
}

// Where two states differ, as a sentence; '' when they do not.
export function difference (found, expected, path = '') {
  if (JSON.stringify(found) === JSON.stringify(expected)) return ''
  if (isObject(found) && isObject(expected)) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(found)])
    for (const key of keys) {
      const told = difference(found[key], expected[key], `${path}/${key}`)
      if (told) return told
    }
  }
  return `${OPEN[path] ?? path} is ${short(found)}, expected ${short(expected)}`
}

// A document that has all these updates, whatever their order, and has made nothing of its own.
export function documentOf (updates) {
  const doc = quiet()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

// A document that does not tidy the marks of its texts after what others wrote: tidying makes deletions.
function quiet () {
  const doc = new Y.Doc()
  doc.on('beforeObserverCalls', transaction => { transaction.local = true })
  return doc
}

const inOrder = object => Object.fromEntries(Object.entries(object).sort(([one], [other]) => one < other ? -1 : 1))
const isObject = value => value !== null && typeof value === 'object' && !Array.isArray(value)
const sorted = (map, form = value => value) =>
  Object.fromEntries([...map].sort(([one], [other]) => one - other).map(([key, value]) => [key, form(value)]))
const short = value => {
  const text = JSON.stringify(value) ?? 'missing'
  return text.length > 400 ? text.slice(0, 400) + '…' : text
}

function roots (doc, sequence) {
  const names = [...doc.share.keys()].sort()
  const told = names.map(name => [name, members(doc.share.get(name), sequence)])
  return Object.fromEntries(told.filter(([, { map, seq }]) => map || seq))
}

function members (type, sequence) {
  const seq = sequence(type)
  const entries = [...type._map].filter(([, item]) => !item.deleted)
  const map = entries.map(([key, item]) => [key, contents(item.content, sequence)[0]])
  return { ...(map.length && { map: inOrder(Object.fromEntries(map)) }), ...(seq.length && { seq }) }
}

function typeOf (type, sequence) {
  const name = type.nodeName
  return { $type: type.constructor.name.replace(/^_/, ''), ...(name && { name }), ...members(type, sequence) }
}

// The values of one item, each as JSON.
function contents (content, sequence) {
  if (content instanceof Y.ContentType) return [typeOf(content.type, sequence)]
  if (content instanceof Y.ContentBinary) return [visible(content.content)]
  if (content instanceof Y.ContentEmbed) return [visible(content.embed)]
  if (content instanceof Y.ContentDoc) return [{ $doc: content.doc.guid, options: visible(content.opts) }]
  return content.getContent().map(visible)
}

function * standing (type) {
  for (let item = type._start; item; item = item.right) if (!item.deleted) yield item
}

function items (type) {
  const told = []
  for (const { content } of standing(type)) {
    if (content instanceof Y.ContentFormat) told.push({ $mark: content.key, value: visible(content.value) })
    else if (content instanceof Y.ContentString) append(told, content.str)
    else told.push(...contents(content, items).map(value => ({ $value: value })))
  }
  return told
}

// Adjacent items of a text are one or two, as it happens.
function append (told, text) {
  if (typeof told.at(-1) === 'string') told.push(told.pop() + text)
  else told.push(text)
}

// [value, marks] for each value of a sequence; neighbouring characters with the same marks are one string.
function runs (type) {
  const told = []
  const marks = {}
  for (const { content } of standing(type)) {
    if (content instanceof Y.ContentFormat) mark(marks, content.key, visible(content.value))
    else if (content instanceof Y.ContentString) run(told, content.str, marks)
    else told.push(...contents(content, runs).map(value => [{ $value: value }, inOrder(marks)]))
  }
  return told
}

function mark (marks, key, value) {
  if (value === null) delete marks[key]
  else marks[key] = value
}

function run (told, text, marks) {
  const now = inOrder(marks)
  const last = told.at(-1)
  if (typeof last?.[0] === 'string' && JSON.stringify(last[1]) === JSON.stringify(now)) last[0] += text
  else told.push([text, now])
}
