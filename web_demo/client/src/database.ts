import { ChangeStream, type ChangesOptions } from './changes.js'
import type { Clock } from './clock.js'
import { Collection, type CollectionOptions, type Row, type Source } from './collection.js'
import type { ClientLimits } from './limits.js'
import type { Link } from './link.js'
import { LiveQuery, type LiveOptions } from './live.js'
import { Presence, type PresenceOptions, type PresenceTables } from './presence.js'
import type { CommitFields, Operation, Question } from './protocol/requests.js'
import { receiptOf, type Receipt } from './protocol/seen.js'
import { NamedQuery } from './named_query.js'
import type { Params } from './query/expressions.js'
import { Query } from './query/query.js'
import type { Status } from './status.js'
import { Contenders } from './transactions/contenders.js'
import { transact } from './transactions/transact.js'
import { Transaction, type Backend, type TransactionOptions } from './transactions/transaction.js'
import { fromWire, toWire, type Wire } from './values/index.js'

/** What a collection occupies; the last two are null, or say what is wrong with what is stored, and why it is not written to. */
export interface CollectionInfo {
  readonly name: string
  readonly snapshotBytes: number
  readonly logCommits: number
  readonly logBytes: number
  readonly corrupt: string | null
  readonly readOnly: string | null
}

/**
 * A database on a server, as `connect` gives it. It connects again by itself, after whatever loss, until it is closed.
 *
 * A call raises Unavailable when it got no answer in time and was not carried out, and OutcomeUnknown when a commit
 * was sent and its answer was lost; after a change of servers Behind, where the new one lacks what this client was
 * acknowledged or shown.
 */
export class Database implements Backend, Source {
  readonly #contenders: Contenders

  constructor (private readonly link: Link, private readonly tables: PresenceTables, private readonly limits: ClientLimits, private readonly clock: Clock) {
    this.#contenders = new Contenders(clock, limits.turnSeconds)
  }

  // connection

  /** How it is connected. */
  get status (): Status {
    return this.link.status
  }

  /** Be told each change of `status`; call what is returned to hear no more. */
  onStatus (listener: (status: Status) => void): () => void {
    return this.link.statuses.add(listener)
  }

  /** Close the connection. Whatever waits fails with Closed, a commit that was sent with OutcomeUnknown. */
  close (): void {
    this.link.close()
  }

  // collections and transactions

  /** The collection `name`, whose records are of the type `T`. */
  collection<T extends object = Row> (name: string, options?: CollectionOptions): Collection<T> {
    return new Collection<T>(this, name, options, this)
  }

  /** Several operations, also on several collections, all or nothing, when `commit` of it is called. */
  transaction (options?: TransactionOptions): Transaction {
    return new Transaction(this, this.limits, options)
  }

  /**
   * Run `work(tx)` as a transaction, again after a Conflict; its result. What `work` raises is raised if what it had read is
   * still so, else it runs again. Raises Conflict after too many attempts, and Overloaded where it waits too long for
   * others to be tried again, as for one that `work` itself is part of.
   */
  async transact<R> (work: (tx: Transaction) => R | Promise<R>, options?: TransactionOptions): Promise<R> {
    return await transact(this, work, { contenders: this.#contenders, limits: this.limits, clock: this.clock, options })
  }

  // queries

  /** The rows of a query now; everything that was acknowledged before is seen. Raises ValidationError, Unavailable. */
  async query<T> (query: Query<T>, params?: Params): Promise<T[]> {
    const form = query.form(params)
    return fromWire(await this.link.call(session => session.query(form, false))) as T[]
  }

  /** How a query is answered: `{ name, detail, rows, inputs }`. */
  async explain (query: Query<unknown>, params?: Params): Promise<unknown> {
    const form = query.form(params)
    return fromWire(await this.link.call(session => session.query(form, true)))
  }

  /** The rows of a query, kept current: iterate over it, or `await` its `open()`. */
  live<T> (query: Query<T>, { params, ...options }: LiveOptions<T> & { params?: Params } = {}): LiveQuery<T> {
    return new LiveQuery<T>(this.link, query.form(params), options)
  }

  /** A query that the server builds, of its parameters and of who asks. */
  named<T> (name: string, params: Params = {}): NamedQuery<T> {
    return new NamedQuery<T>(this.link, { named: name, params: toWire(params) })
  }

  /** Wait until the declared indexes of a collection can be used. */
  async build (collection: string): Promise<void> {
    await this.explain(new Query(collection))
  }

  // changes and presence

  changes (collection: string, options?: ChangesOptions): ChangeStream {
    return new ChangeStream(this.link, collection, options)
  }

  presence<S> (collection: string, state?: S, options?: PresenceOptions): Presence<S> {
    return new Presence<S>(this.link, this.tables, collection, state, options)
  }

  // collections as a whole

  /** The collections of the server whose names begin with `prefix`, in order, and what they take. */
  async collections (prefix = ''): Promise<CollectionInfo[]> {
    const found: CollectionInfo[] = []
    for (;;) {
      const answer = await this.#ask({ type: 'collections', prefix, after: found.at(-1)?.name ?? '' }) as { collections: InfoForm[], more: boolean }
      found.push(...answer.collections.map(infoOf))
      if (!answer.more) return found
    }
  }

  /** Delete a collection with its history; durable on return. Streams and live queries of it are told `reset`. */
  async drop (collection: string): Promise<void> {
    await this.#ask({ type: 'drop', collection })
  }

  /** Have no byte left of a collection or, with `key`, of a record of it and its past: in no file or object of the
   * server on return, nor of those nodes that are `done`. What else is visible goes on in another history. `found` is false where it was
   * not there, and only what may have been left of it was erased. */
  async erase (collection: string, key: string | null = null): Promise<{ done: string[], left: Record<string, string>, found: boolean }> {
    return await this.#ask({ type: 'erase', collection, key }) as { done: string[], left: Record<string, string>, found: boolean }
  }

  /** A hash of what users see of a collection, and the commits that it is of; all of it is durable. */
  async stateHash (collection: string): Promise<{ hash: string, vector: Record<string, number> }> {
    return await this.#ask({ type: 'state_hash', collection }) as { hash: string, vector: Record<string, number> }
  }

  /** How the node that this client is connected to is linked with others, as docs/protocol.md says. */
  async clusterStatus (): Promise<unknown> {
    return await this.#ask({ type: 'cluster' })
  }

  // what they are built on

  async read (collection: string, read: Operation): Promise<Wire> {
    return await this.link.call(session => session.read(collection, read))
  }

  async write (collection: string, operations: readonly Operation[]): Promise<void> {
    await this.commit({ writes: new Map([[collection, operations]]), checks: [], author: null, durability: null })
  }

  async commit (fields: CommitFields): Promise<Receipt> {
    return receiptOf(await this.link.call(session => session.commit(fields)))
  }

  async #ask (question: Question): Promise<unknown> {
    return fromWire(await this.link.call(session => session.ask(question)))
  }
}

interface InfoForm {
  name: string
  snapshot_bytes: number
  log_commits: number
  log_bytes: number
  corrupt: string | null
  read_only: string | null
}

function infoOf (form: InfoForm): CollectionInfo {
  return {
    name: form.name,
    snapshotBytes: form.snapshot_bytes,
    logCommits: form.log_commits,
    logBytes: form.log_bytes,
    corrupt: form.corrupt,
    readOnly: form.read_only
  }
}
