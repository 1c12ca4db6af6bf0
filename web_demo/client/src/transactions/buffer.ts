import { Closed, LimitExceeded } from '../errors.js'
import type { ClientLimits } from '../limits.js'
import type { Check, Operation } from '../protocol/requests.js'
import type { Port } from '../structures/operations.js'
import { pack, type Wire } from '../values/index.js'
import { Overlay } from './overlay.js'
import { Reads } from './reads.js'

/** The port of a transaction: keeps its writes back and shows them to its reads. */
export class Buffer implements Port {
  /** What to commit. */
  readonly writes = new Map<string, Operation[]>()
  readonly #overlays = new Map<string, Overlay>()
  readonly #reads: Reads
  #operations = 0
  #bytes = 0
  #open = true

  constructor (private readonly port: Port, private readonly limits: ClientLimits) {
    this.#reads = new Reads(port, limits.transactionReads)
  }

  /** What the transaction relies on. */
  get checks (): Check[] {
    return this.#reads.checks
  }

  /** Refuse every later use. */
  close (): void {
    this.#open = false
  }

  /** Raises Closed if the transaction has ended. */
  requireOpen (): void {
    if (!this.#open) throw new Closed('the transaction has ended; begin another')
  }

  /** Keep `operations` for the commit. Raises LimitExceeded or Closed, at the call, and then keeps none of them. */
  write (collection: string, operations: readonly Operation[]): Promise<void> {
    this.requireOpen()
    this.#reserve(operations)
    this.writes.set(collection, [...this.writes.get(collection) ?? [], ...operations])
    const overlay = this.#overlays.get(collection) ?? new Overlay(async read => await this.#reads.ask(collection, read))
    this.#overlays.set(collection, overlay)
    for (const operation of operations) overlay.add(operation)
    return Promise.resolve()
  }

  /** The answer as if the transaction's writes had been carried out. */
  async read (collection: string, read: Operation): Promise<Wire> {
    this.requireOpen()
    if (read[2] === 'open') return await this.port.read(collection, read) // a structure never changes its kind
    return await (this.#overlays.get(collection)?.read(read) ?? this.#reads.ask(collection, read))
  }

  #reserve (operations: readonly Operation[]): void {
    const { transactionOperations, transactionBytes } = this.limits
    const count = this.#operations + operations.length
    const size = operations.reduce((sum, operation) => sum + pack(operation[3]).length, this.#bytes)
    if (count > transactionOperations) {
      throw new LimitExceeded(`a transaction has at most ${transactionOperations} operations (transactionOperations)`)
    }
    if (size > transactionBytes) {
      throw new LimitExceeded(`what a transaction writes takes at most ${transactionBytes} bytes (transactionBytes)`)
    }
    this.#operations = count
    this.#bytes = size
  }
}
