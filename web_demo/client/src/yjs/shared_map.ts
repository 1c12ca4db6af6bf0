import type * as Y from 'yjs'
import { atomToWire, keyText, textKey, type Wire } from '../values/index.js'

/** The entry of a Y.Map inside a record that names its kind. */
const MARK = '@'
/** Between an element's text and the replica in the key of an entry. */
const SEPARATOR = '|'

export interface ReplicaOptions {
  /**
   * Names whoever writes in the entries of sets and counters; no two that write at the same time may have the same.
   * The document's client id by default, which leaves an entry for each session: give a lasting one where there is any.
   */
  readonly replica?: string
}

/** A structure over a Y.Map of its own entries, of a root or of a record's field. */
export abstract class SharedMap {
  constructor (protected readonly map: Y.Map<unknown>, private readonly options: ReplicaOptions = {}) {}

  protected get replica (): string {
    return this.options.replica ?? String(this.map.doc?.clientID ?? 0)
  }

  /** Do it in one transaction of the document. */
  protected transact (work: () => void): void {
    if (this.map.doc === null) work()
    else this.map.doc.transact(work)
  }

  /** All entries but the mark of a record's field. */
  protected entries (): Array<[key: string, stored: unknown]> {
    return [...this.map.entries()].filter(([key]) => key !== MARK)
  }

  protected deleteAll (keys: Iterable<string>): void {
    this.transact(() => { for (const key of keys) this.map.delete(key) })
  }
}

/** One whose entries are each of an element and of who wrote it, `TEXT|REPLICA`. */
export abstract class ElementMap extends SharedMap {
  protected entryOf (element: unknown): string {
    return textOf(element) + SEPARATOR + this.replica
  }

  /** The entries of an element, whoever wrote them. */
  protected entriesOf (text: string): Array<[key: string, stored: unknown]> {
    return this.entries().filter(([key]) => key.startsWith(text + SEPARATOR))
  }

  /** The elements that entries are of, with those entries, in the order of their texts; what is no entry is left out. */
  protected elements (): Array<[element: Wire, stored: unknown[]]> {
    const found = new Map<string, unknown[]>()
    for (const [key, stored] of this.entries()) {
      const at = key.indexOf(SEPARATOR)
      if (at >= 0) found.set(key.slice(0, at), [...found.get(key.slice(0, at)) ?? [], stored])
    }
    return [...found].sort(([one], [other]) => one < other ? -1 : 1).flatMap(([text, stored]): Array<[Wire, unknown[]]> => {
      const element = textKey(text)
      return element === undefined ? [] : [[element, stored]]
    })
  }
}

/** The text of an element or key. Raises ValidationError for what is none. */
export function textOf (element: unknown): string {
  return keyText(atomToWire(element, 'an element or key'))
}
