import { ValidationError } from '../errors.js'
import { checkText, type Atom } from '../values/index.js'
import { CountedSet } from './counted_set.js'
import { Counter } from './counter.js'
import { Dict } from './dict.js'
import type { Handle } from './handle.js'
import { HashDict } from './hash_dict.js'
import { List } from './list.js'
import type { Port } from './operations.js'
import { AddWinsSet } from './set.js'
import { Text } from './text.js'
import { XmlFragment } from './xml_fragment.js'

/** The kinds that a field of a record may have. */
export interface FieldHandles { counter: Counter, set: AddWinsSet, counted_set: CountedSet, list: List, text: Text }
export type FieldKind = keyof FieldHandles

const FIELD_HANDLES = { counter: Counter, set: AddWinsSet, counted_set: CountedSet, list: List, text: Text }

type HandleClass<H extends Handle> = new (port: Port, collection: string, target: { kind: string, path: readonly string[] }) => H

/**
 * The named structures of a collection. One exists from its first write on and keeps its kind (KindMismatch).
 *
 * A name that is no well-formed Unicode raises ValidationError.
 */
export class Structures {
  constructor (protected readonly port: Port, readonly name: string) {
    checkText(name, 'the name of a collection')
  }

  /** A dictionary with strings as keys. */
  dict<V = unknown> (name: string): Dict<V> { return this.#root('dict', Dict<V>, name) }
  /** A sequence. */
  list<V = unknown> (name: string): List<V> { return this.#root('list', List<V>, name) }
  /** A set in which a concurrent add wins over a remove. */
  set<E = Atom> (name: string): AddWinsSet<E> { return this.#root('set', AddWinsSet<E>, name) }
  /** A multiset. */
  countedSet<E = Atom> (name: string): CountedSet<E> { return this.#root('counted_set', CountedSet<E>, name) }
  /** A dictionary with any atom as a key. */
  hashDict<K = Atom, V = unknown> (name: string): HashDict<K, V> { return this.#root('hash_dict', HashDict<K, V>, name) }
  /** A number that adds up what is added concurrently. */
  counter (name: string): Counter { return this.#root('counter', Counter, name) }
  /** A collaborative text. */
  text (name: string): Text { return this.#root('text', Text, name) }
  /** A tree of XML elements. */
  xmlFragment (name: string): XmlFragment { return this.#root('xml_fragment', XmlFragment, name) }

  /** The handle of a merging field of a record, such as a counter. Raises ValidationError for another kind. */
  field<K extends FieldKind> (key: string, name: string, kind: K): FieldHandles[K] {
    if (!Object.hasOwn(FIELD_HANDLES, kind)) {
      throw new ValidationError(`there is no kind '${kind}' of fields; there are ${Object.keys(FIELD_HANDLES).join(', ')}`)
    }
    const handle = FIELD_HANDLES[kind] as unknown as HandleClass<FieldHandles[K]>
    return new handle(this.port, this.name, { kind, path: this.#path('records', key, name) })
  }

  #root<H extends Handle> (kind: string, handle: HandleClass<H>, name: string): H {
    return new handle(this.port, this.name, { kind, path: this.#path(name) })
  }

  #path (...names: string[]): string[] {
    return names.map(name => checkText(name, `${this.name}: a name or key`))
  }
}
