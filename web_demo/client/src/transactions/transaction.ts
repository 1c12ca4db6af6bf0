import { Collection, type CollectionOptions, type Row } from '../collection.js'
import { within, type Clock } from '../clock.js'
import { Conflict, ProtoBaseError, Unavailable } from '../errors.js'
import type { ClientLimits } from '../limits.js'
import type { CommitFields, Durability } from '../protocol/requests.js'
import type { Receipt } from '../protocol/seen.js'
import type { Port } from '../structures/operations.js'
import { Buffer } from './buffer.js'

/** What carries a transaction out. */
export interface Backend extends Port {
  commit (fields: CommitFields): Promise<Receipt>
}

export interface TransactionOptions {
  /** Who is recorded with the commit. */
  readonly author?: string
  /** On how many nodes it is to be durable; without it as the server is set to. Raises NotReplicated at the commit. */
  readonly durability?: Durability
}

/**
 * Operations on several collections that are carried out all together or not at all.
 *
 * Writes are checked and buffered at the call and need not be awaited. Reads see the transaction's own writes. The
 * commit happens only if everything that was read is still so, else it raises Conflict; a transaction that only read
 * is checked too, so what it saw is one consistent state. Afterwards every use raises Closed.
 */
export class Transaction {
  readonly #buffer: Buffer

  constructor (private readonly backend: Backend, private readonly limits: ClientLimits, private readonly options: TransactionOptions = {}) {
    this.#buffer = new Buffer(backend, limits)
  }

  /** The collection within this transaction. */
  collection<T extends object = Row> (name: string, options?: CollectionOptions): Collection<T> {
    this.#buffer.requireOpen()
    return new Collection<T>(this.#buffer, name, options)
  }

  /** The collections read or written so far. */
  get collections (): Set<string> {
    return new Set([...this.#buffer.writes.keys(), ...this.#buffer.checks.map(check => check[0])])
  }

  /** Carry it out; durable on return. Raises Conflict, NotReplicated, OutcomeUnknown and whatever is wrong with it. */
  async commit (): Promise<Receipt> {
    this.#buffer.requireOpen()
    this.#buffer.close()
    const { writes, checks } = this.#buffer
    if (writes.size + checks.length === 0) return { cursors: new Map(), nodes: 1 }
    return await this.backend.commit({ writes, checks, author: this.options.author ?? null, durability: this.options.durability ?? null })
  }

  /**
   * What of all that was read is another answer now, null for nothing. Null, too, where that cannot be found out within
   * `recheckSeconds` of the `clock`.
   */
  async outdated (clock: Clock): Promise<Conflict | null> {
    const { checks } = this.#buffer
    if (checks.length === 0) return null
    const asked = this.backend.commit({ writes: new Map(), checks, author: this.options.author ?? null, durability: 'local' })
    try {
      await within(clock, this.limits.recheckSeconds, asked, () => new Unavailable('no answer (recheckSeconds)'))
    } catch (error) {
      if (error instanceof Conflict) return error
      if (!(error instanceof ProtoBaseError)) throw error
    }
    return null
  }

  /** Carry nothing out. Harmless when it has ended. */
  rollback (): void {
    this.#buffer.close()
  }
}
