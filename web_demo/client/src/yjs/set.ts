import { atomFromWire, type Atom } from '../values/index.js'
import { ElementMap, textOf } from './shared_map.js'

/** A set in which a concurrent add wins over a remove, over `ydoc.getMap(name)`: what `collection.set(name)` is elsewhere. */
export class YSet<E = Atom> extends ElementMap {
  add (...elements: E[]): void {
    const keys = elements.map(element => this.entryOf(element))
    this.transact(() => { for (const key of keys) this.map.set(key, true) })
  }

  /** Remove elements; one that is not there stays so. */
  remove (...elements: E[]): void {
    this.deleteAll(elements.map(textOf).flatMap(text => this.entriesOf(text)).map(([key]) => key))
  }

  clear (): void {
    this.deleteAll(this.entries().map(([key]) => key))
  }

  contains (element: E): boolean {
    return this.entriesOf(textOf(element)).length > 0
  }

  values (): Set<E> {
    return new Set(this.elements().map(([element]) => atomFromWire(element) as E))
  }

  count (): number {
    return this.elements().length
  }
}
