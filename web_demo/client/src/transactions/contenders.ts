/** A line for each collection, of those who try a transaction again. Those of different collections know nothing of each other. */
export class Contenders {
  readonly #lines = new Map<string, Promise<void>>()

  /** Wait for those who came before, work, and keep out those who come later. */
  async alone<R> (collections: Iterable<string>, work: () => Promise<R>): Promise<R> {
    const names = [...collections]
    const before = names.map(name => this.#lines.get(name))
    let done = (): void => {}
    const line = new Promise<void>(resolve => { done = resolve })
    for (const name of names) this.#lines.set(name, line) // all at once, so that none wait for each other
    try {
      await Promise.all(before)
      return await work()
    } finally {
      done()
      for (const name of names) if (this.#lines.get(name) === line) this.#lines.delete(name)
    }
  }
}
