import { RecordExists, RecordMissing } from '../errors.js'
import { byCodePoint, type Wire, wireObject } from '../values/index.js'
import { entriesOf } from './dict.js'
import { listOf, textOf, type Kind } from './kind.js'

export type Rows = ReadonlyMap<string, Wire>

/** The plain value is records by their keys. */
export const RECORDS_KIND: Kind<Rows> = {
  name: 'records',
  whole: 'items',
  restore: answer => new Map(listOf(answer).map(listOf).map(([key, row]) => [textOf(key), row!])),
  ofField: () => new Map(), // no field of a record is of this kind
  toField: () => null,
  replay (plain, action, args) {
    const key = textOf(args[0])
    requireRecord(action, key, plain.has(key))
    const made = new Map(plain)
    if (action === 'delete') made.delete(key)
    else made.set(key, written(action, plain.get(key), args[1]!))
    return made
  },
  answer (plain, method, args) {
    if (method === 'get') return plain.get(textOf(args[0])) ?? null
    if (method === 'contains') return plain.has(textOf(args[0]))
    if (method === 'count') return plain.size
    const [after, limit] = args
    const keys = [...plain.keys()].sort(byCodePoint).filter(key => typeof after !== 'string' || byCodePoint(key, after) > 0).slice(0, Number(limit))
    return method === 'keys' ? keys : keys.map(key => [key, plain.get(key)!])
  }
}

function requireRecord (action: string, key: string, exists: boolean): void {
  if (action === 'insert' && exists) throw new RecordExists(`there is a record '${key}' already`)
  if (action === 'update' && !exists) throw new RecordMissing(`there is no record '${key}'`)
}

function written (action: string, old: Wire | undefined, fields: Wire): Wire {
  const given = entriesOf(fields)
  return wireObject(action === 'update' ? new Map([...entriesOf(old ?? {}), ...given]) : given)
}
