import { toWire, type Wire } from '../values/index.js'
import { operation, type Port, type Target } from './operations.js'

/** One structure of one collection. Writes are durable once awaited; in a transaction they take effect at the call. */
export abstract class Handle {
  constructor (private readonly port: Port, readonly collection: string, private readonly target: Target) {}

  /** Ask whether the structure is of this kind. Raises KindMismatch. */
  async open (): Promise<this> {
    await this.port.read(this.collection, operation(this.target, 'open', []))
    return this
  }

  protected write (action: string, ...args: unknown[]): Promise<void> {
    return this.port.write(this.collection, [operation(this.target, action, this.#wires(action, args))])
  }

  protected read (method: string, ...args: unknown[]): Promise<Wire> {
    return this.port.read(this.collection, operation(this.target, method, this.#wires(method, args)))
  }

  #wires (verb: string, args: readonly unknown[]): Wire[] {
    return args.map((arg, at) => toWire(arg, `${this.collection}: ${this.target.path.join('/')}: ${verb}: argument ${at + 1}`))
  }
}
