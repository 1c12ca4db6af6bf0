import { within, type Clock } from '../clock.js'
import { Overloaded } from '../errors.js'

/** A line for each collection, of those who try a transaction again. Those of different collections know nothing of each other. */
export class Contenders {
  readonly #lines = new Map<string, Promise<void>>()

  /** Somebody waits at most so many `seconds`: for one that waits for him it would be for ever. */
  constructor (private readonly clock: Clock, private readonly seconds: number) {}

  /** Wait for those who came before, work, and keep out those who come later. Raises Overloaded when it is not its turn in time. */
  async alone<R> (collections: Iterable<string>, work: () => Promise<R>): Promise<R> {
    const names = [...collections]
    const before = Promise.all(names.map(name => this.#lines.get(name)))
    let done = (): void => {}
    const line = new Promise<void>(resolve => { done = resolve })
    for (const name of names) this.#lines.set(name, line) // all at once, so that none wait for each other
    const leave = (): void => {
      done()
      for (const name of names) if (this.#lines.get(name) === line) this.#lines.delete(name)
    }
    await within(this.clock, this.seconds, before, () => {
      void before.then(leave) // those who come later wait for those before all the same
      return new Overloaded(this.#tooLong(names))
    })
    try {
      return await work()
    } finally {
      leave()
    }
  }

  #tooLong (names: readonly string[]): string {
    const of = names.map(name => `'${name}'`).join(', ')
    return `a transaction on ${of} waited ${this.seconds} seconds for others of this client to be tried again (turnSeconds); ` +
      'one that is part of another takes the tx of that one'
  }
}
