import { integerIn, numberOf, toDoc } from './stored.js'
import { SharedMap } from './shared_map.js'

/** A number that adds up what everybody adds, over `ydoc.getMap(name)`: what `collection.counter(name)` is elsewhere. */
export class YCounter extends SharedMap {
  /** Add `n`, which may be negative. */
  add (n: number | bigint = 1): void {
    this.transact(() => { this.map.set(this.replica, toDoc(integerIn(this.map.get(this.replica)) + BigInt(n))) })
  }

  /** The sum of everything added; a bigint where a number would not be exact. */
  value (): number | bigint {
    return numberOf(this.entries().reduce((sum, [, stored]) => sum + integerIn(stored), 0n))
  }
}
