import { atomFromWire, fromWire, keyText, type Atom, type Wire } from '../values/index.js'
import { Handle } from './handle.js'
import { listOf, type Kind } from './kind.js'
import { checked, sorted } from './set.js'

type Entries = ReadonlyMap<string, readonly [key: Wire, value: Wire]>

/** The plain value is keys with their values, by the keys' texts. */
export const HASH_DICT: Kind<Entries> = {
  name: 'hash_dict',
  whole: 'items',
  restore: answer => new Map(listOf(answer).map(listOf).map(([key, value]) => [keyText(key!), [key!, value!]])),
  ofField: () => new Map(), // no field of a record is of this kind
  toField: () => null,
  replay (plain, action, args) {
    if (action === 'clear') return new Map()
    const made = new Map(plain)
    if (action === 'set') made.set(keyText(args[0]!), [args[0]!, args[1]!])
    else made.delete(keyText(args[0]!))
    return made
  },
  answer (plain, method, args) {
    switch (method) {
      case 'get': return plain.get(keyText(args[0]!))?.[1] ?? null
      case 'contains': return plain.has(keyText(args[0]!))
      case 'count': return plain.size
      default: return sorted(plain)
    }
  }
}

/** A dictionary with any atom as a key; the same key is last-writer-wins. */
export class HashDict<K = Atom, V = unknown> extends Handle {
  set (key: K, value: V): Promise<void> { return this.write('set', checked(key), value) }
  /** Remove an entry; one that is not there stays so. */
  delete (key: K): Promise<void> { return this.write('delete', checked(key)) }
  clear (): Promise<void> { return this.write('clear') }
  /** The value under a key, null for none. */
  async get (key: K): Promise<V | null> { return fromWire(await this.read('get', checked(key))) as V | null }
  async contains (key: K): Promise<boolean> { return await this.read('contains', checked(key)) as boolean }
  /** Every entry; lists among the keys are different ones to a `Map` of JavaScript, even if they hold the same. */
  async items (): Promise<Map<K, V>> {
    return new Map(listOf(await this.read('items')).map(listOf).map(([key, value]) => [atomFromWire(key!) as K, fromWire(value!) as V]))
  }

  async count (): Promise<number> { return await this.read('count') as number }
}
