// What a Yjs document consists of, in a form that two documents share if and only if they are equal: however their
// structs are cut, and whether what is deleted has been collected or is kept for an undo.

import { createHash } from 'node:crypto'
import * as Y from 'yjs'

// state: by client, its clock; deleted: by client, runs [clock, length]; structs: a hash of everything that is
// alive, with its neighbours and its place; waiting: whether something lacks a predecessor; content: as given.
export function dump (doc, content) {
  const { clients, pendingStructs, pendingDs } = doc.store
  const ids = [...clients.keys()].sort((a, b) => a - b)
  const hash = createHash('sha256')
  for (const id of ids) {
    for (const struct of clients.get(id)) {
      if (!struct.deleted) for (const unit of units(struct)) hash.update(JSON.stringify(unit))
    }
  }
  return {
    state: Object.fromEntries(ids.map(id => [id, Y.getState(doc.store, id)])),
    deleted: Object.fromEntries(ids.map(id => [id, deleted(clients.get(id))])),
    structs: hash.digest('hex'),
    waiting: Boolean(pendingStructs || pendingDs),
    content: JSON.stringify(content, canonical)
  }
}

function deleted (structs) {
  const runs = []
  for (const { id: { clock }, length } of structs.filter(struct => struct.deleted)) {
    const last = runs.at(-1)
    if (last && last[0] + last[1] === clock) last[1] += length
    else runs.push([clock, length])
  }
  return runs
}

function units ({ id: { client, clock }, length, origin, rightOrigin, parent, parentSub, content }) {
  const place = parent._item?.id ?? Y.findRootTypeKey(parent)
  const values = content instanceof Y.ContentString || content instanceof Y.ContentAny
    ? elements(content)
    : [whole(content)]
  return Array.from({ length }, (_, n) => [
    client, clock + n, n ? { client, clock: clock + n - 1 } : origin, rightOrigin, place, parentSub, values[n]
  ])
}

function canonical (_, value) {
  if (typeof value === 'string') return value.toWellFormed()
  return value?.constructor === Object ? Object.fromEntries(Object.entries(value).sort()) : value
}

// Each of the UTF-16 code units of a string: a client may have cut it between any two of them. Who writes half a
// character keeps it; everybody else is sent U+FFFD in its place.
function elements (content) {
  return content instanceof Y.ContentString ? content.str.toWellFormed().split('') : content.arr
}

function whole (content) {
  const { constructor: { name }, type, ...rest } = content
  return [name, type ? [type.constructor.name, type.nodeName] : rest]
}

