import { byCodePoint, fromWire, isObject, type Wire, wireObject } from '../values/index.js'
import { Handle } from './handle.js'
import { objectIn, textOf, type Kind } from './kind.js'

export const DICT: Kind<ReadonlyMap<string, Wire>> = {
  name: 'dict',
  whole: 'items',
  restore: entriesOf,
  ofField: field => field === null ? new Map() : entriesOf(field),
  toField: plain => wireObject(plain),
  replay (plain, action, args) {
    if (action === 'clear') return new Map()
    const made = new Map(plain)
    if (action === 'delete') made.delete(textOf(args[0]))
    else if (action === 'set') made.set(textOf(args[0]), args[1]!)
    else for (const [key, value] of entriesOf(args[0]!)) made.set(key, value)
    return made
  },
  answer (plain, method, args) {
    switch (method) {
      case 'get': return plain.get(textOf(args[0])) ?? null
      case 'contains': return plain.has(textOf(args[0]))
      case 'keys': return [...plain.keys()].sort(byCodePoint)
      case 'count': return plain.size
      default: return wireObject(plain)
    }
  }
}

/** The entries of an object, whether or not it had to be tagged. */
export function entriesOf (wire: Wire): Map<string, Wire> {
  const object = objectIn(wire)
  return new Map(Object.entries(object['@'] === 'dict' && isObject(object.v) ? object.v : object))
}

/** A dictionary with strings as keys; the same key is last-writer-wins. */
export class Dict<V = unknown> extends Handle {
  set (key: string, value: V): Promise<void> { return this.write('set', key, value) }
  update (mapping: Readonly<Record<string, V>>): Promise<void> { return this.write('update', mapping) }
  /** Remove an entry; one that is not there stays so. */
  delete (key: string): Promise<void> { return this.write('delete', key) }
  clear (): Promise<void> { return this.write('clear') }
  /** The value under a key, null for none. */
  async get (key: string): Promise<V | null> { return fromWire(await this.read('get', key)) as V | null }
  async contains (key: string): Promise<boolean> { return await this.read('contains', key) as boolean }
  async keys (): Promise<string[]> { return await this.read('keys') as string[] }
  async items (): Promise<Map<string, V>> {
    return new Map([...entriesOf(await this.read('items'))].map(([key, value]) => [key, fromWire(value) as V]))
  }

  async count (): Promise<number> { return await this.read('count') as number }
}
