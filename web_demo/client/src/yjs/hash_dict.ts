import { atomFromWire, textKey, type Atom } from '../values/index.js'
import { SharedMap, textOf } from './shared_map.js'
import { fromDoc, toDoc } from './stored.js'

/** A dictionary with any atom as a key, over `ydoc.getMap(name)`: what `collection.hashDict(name)` is elsewhere. */
export class YHashDict<K = Atom, V = unknown> extends SharedMap {
  set (key: K, value: V): void {
    const [text, stored] = [textOf(key), toDoc(value)]
    this.transact(() => { this.map.set(text, stored) })
  }

  /** Remove an entry; one that is not there stays so. */
  delete (key: K): void {
    this.deleteAll([textOf(key)])
  }

  clear (): void {
    this.deleteAll(this.map.keys())
  }

  /** The value under a key, null for none. */
  get (key: K): V | null {
    return fromDoc(this.map.get(textOf(key))) as V | null
  }

  contains (key: K): boolean {
    return this.map.has(textOf(key))
  }

  /** Every entry; what is no text of a key is left out. */
  items (): Map<K, V> {
    const found = new Map<K, V>()
    for (const text of [...this.map.keys()].sort()) {
      const key = textKey(text)
      if (key !== undefined) found.set(atomFromWire(key) as K, fromDoc(this.map.get(text)) as V)
    }
    return found
  }

  count (): number {
    return this.items().size
  }
}
