import type { Operation } from '../protocol/requests.js'

/** One record or structure that a transaction wrote: its value is read once, then written to here. */
export class Pending<P> {
  #operations: Operation[] = []
  #base: Promise<P> | undefined
  #value: { plain: P } | undefined

  constructor (private readonly fetch: () => Promise<P>, private readonly replay: (plain: P, operation: Operation) => P) {}

  /** Carry out `operation` too, when the value is next asked for. */
  add (operation: Operation): void {
    this.#operations.push(operation)
  }

  /** The value after every operation. Raises what is wrong with an operation, again at each call. */
  async value (): Promise<P> {
    this.#base ??= this.fetch()
    const base = await this.#base.catch((error: unknown) => {
      this.#base = undefined
      throw error
    })
    let { plain } = this.#value ??= { plain: base }
    for (let next = this.#operations[0]; next !== undefined; next = this.#operations[0]) {
      plain = this.replay(plain, next)
      this.#value = { plain }
      this.#operations.shift()
    }
    return plain
  }
}
