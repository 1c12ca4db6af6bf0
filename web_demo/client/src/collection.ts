import type { ChangeStream, ChangesOptions } from './changes.js'
import { ValidationError } from './errors.js'
import { randomKey } from './ids.js'
import type { Presence, PresenceOptions } from './presence.js'
import { entriesOf } from './structures/dict.js'
import { INDEXES, operation, RECORDS, type Port } from './structures/operations.js'
import { Structures, type FieldKind } from './structures/structures.js'
import { checkText, fromWire, toWire, type Wire } from './values/index.js'

/** Records that one read of `Collection.keys` or `Collection.items` asks for. */
export const PAGE_RECORDS = 1_000

/** A record of a collection that says no more of them. */
export type Row = Record<string, unknown>

export interface CollectionOptions {
  /** The fields that merge, with their kinds: `{ votes: 'counter' }`. The others are last-writer-wins. */
  readonly merges?: Readonly<Record<string, FieldKind>>
}

/** What gives changes and presence, which a transaction has not. */
export interface Source {
  changes (collection: string, options?: ChangesOptions): ChangeStream
  presence<S> (collection: string, state?: S, options?: PresenceOptions): Presence<S>
  build (collection: string): Promise<void>
}

/**
 * The records and structures of one collection. `T` is the type of its records.
 *
 * In a transaction a write takes effect at the call, so it need not be awaited. Everywhere else it is durable once
 * awaited. What is no value raises ValidationError at the call.
 */
export class Collection<T extends object = Row> extends Structures {
  readonly #source: Source | undefined
  readonly #merges: Readonly<Record<string, FieldKind>>

  constructor (port: Port, name: string, options: CollectionOptions = {}, source?: Source) {
    super(port, name)
    this.#merges = options.merges ?? {}
    this.#source = source
  }

  // writing

  /** Add a record; its key, which is random unless given. Raises RecordExists. */
  insert (record: T, key = randomKey()): Promise<string> {
    return this.#writeFields('insert', key, record).then(() => key)
  }

  /** Add a record or replace the one that has this key. */
  put (record: T, key: string): Promise<void> {
    return this.#writeFields('put', key, record)
  }

  /** Set some fields of a record and leave the others. Raises RecordMissing. */
  update (key: string, fields: Partial<T>): Promise<void> {
    return this.#writeFields('update', key, fields)
  }

  /** Remove a record; one that is not there stays so. */
  delete (key: string): Promise<void> {
    return this.#write('delete', [key])
  }

  // indexes

  /** Have queries look up these fields; dots lead into nested ones. Declared durably for everybody, and built on return. */
  async index (...fields: string[]): Promise<void> {
    await this.port.write(this.name, [operation(INDEXES, 'set', [indexOf(fields), true])])
    await this.#source?.build(this.name)
  }

  /** Keep an index no longer; one that is not there stays so. */
  dropIndex (...fields: string[]): Promise<void> {
    return this.port.write(this.name, [operation(INDEXES, 'delete', [indexOf(fields)])])
  }

  // reading

  /** The record, null when there is none. */
  async get (key: string): Promise<T | null> {
    return fromWire(await this.#read('get', key)) as T | null
  }

  async contains (key: string): Promise<boolean> {
    return await this.#read('contains', key) as boolean
  }

  async count (): Promise<number> {
    return await this.#read('count') as number
  }

  /** All keys, sorted. More than `PAGE_RECORDS` are read in pages, each as of its own moment. */
  async keys (): Promise<string[]> {
    return await this.#pages('keys', key => key) as string[]
  }

  /** All records by key, sorted. More than `PAGE_RECORDS` are read in pages, each as of its own moment. */
  async items (): Promise<Map<string, T>> {
    const pairs = await this.#pages('items', pair => (pair as readonly Wire[])[0]!)
    return new Map(pairs.map(pair => fromWire(pair) as [string, T]))
  }

  // listening

  /** The changes after the cursor `since`, from now on without one. */
  changes (options?: ChangesOptions): ChangeStream {
    return this.#listened().changes(this.name, options)
  }

  /** Who else is in the collection; `state` is what the others see of us. */
  presence<S = unknown> (state?: S, options?: PresenceOptions): Presence<S> {
    return this.#listened().presence(this.name, state, options)
  }

  // inside

  #writeFields (action: string, key: string, record: object): Promise<void> {
    const fields = toWire(record, `${this.name}: record '${key}'`)
    const merges = Object.entries(this.#merges).filter(([field]) => entriesOf(fields).has(field))
    return this.#write(action, [key, fields, Object.fromEntries(merges)])
  }

  #write (action: string, args: Wire[]): Promise<void> {
    return this.port.write(this.name, [operation(RECORDS, action, args)])
  }

  #read (method: string, ...args: Wire[]): Promise<Wire> {
    return this.port.read(this.name, operation(RECORDS, method, args))
  }

  async #pages (method: string, keyOf: (item: Wire) => Wire): Promise<Wire[]> {
    const all: Wire[] = []
    for (let after: Wire = null; ;) {
      const page = await this.#read(method, after, PAGE_RECORDS) as readonly Wire[]
      all.push(...page)
      if (page.length < PAGE_RECORDS) return all
      after = keyOf(page.at(-1)!)
    }
  }

  #listened (): Source {
    if (this.#source === undefined) throw new ValidationError('changes and presence are not part of a transaction; use db.collection(...)')
    return this.#source
  }
}

/** The key under which an index of these fields is declared. JSON has escapes for what is no text. */
function indexOf (fields: readonly string[]): string {
  return JSON.stringify(fields.map(field => checkText(field, 'the name of a field')))
}
