import { atomFromWire, type Atom } from '../values/index.js'
import { ElementMap, textOf } from './shared_map.js'
import { integerIn, numberOf, toDoc } from './stored.js'

/** A multiset, over `ydoc.getMap(name)`: what `collection.countedSet(name)` is elsewhere. */
export class YCountedSet<E = Atom> extends ElementMap {
  add (element: E, n: number | bigint = 1): void {
    this.#grow(element, BigInt(n))
  }

  /** Remove the element `n` times, or as often as it is there. */
  remove (element: E, n: number | bigint = 1): void {
    const there = this.#countOf(element)
    this.#grow(element, -(BigInt(n) < there ? BigInt(n) : there))
  }

  countOf (element: E): number | bigint {
    return numberOf(this.#countOf(element))
  }

  items (): Map<E, number | bigint> {
    const counts = this.elements().map(([element, stored]) => [element, total(stored)] as const).filter(([, count]) => count > 0n)
    return new Map(counts.map(([element, count]) => [atomFromWire(element) as E, numberOf(count)]))
  }

  /** How many elements there are, each as often as it is there. */
  count (): number | bigint {
    return numberOf(this.elements().reduce((sum, [, stored]) => sum + total(stored), 0n))
  }

  #countOf (element: E): bigint {
    return total(this.entriesOf(textOf(element)).map(([, stored]) => stored))
  }

  #grow (element: E, n: bigint): void {
    const key = this.entryOf(element)
    if (n !== 0n) this.transact(() => { this.map.set(key, toDoc(integerIn(this.map.get(key)) + n)) })
  }
}

/** How often an element is there: two may have removed the last one at the same time, but it is never there less than not at all. */
function total (stored: readonly unknown[]): bigint {
  const sum = stored.reduce<bigint>((all, each) => all + integerIn(each), 0n)
  return sum > 0n ? sum : 0n
}
