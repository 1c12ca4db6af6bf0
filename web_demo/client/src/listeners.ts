/** Whoever wants to hear of something. A listener that throws is a mistake of its own, which keeps nobody else from hearing. */
export class Listeners<T> {
  readonly #listeners = new Set<{ hear: (news: T) => void }>()

  get size (): number {
    return this.#listeners.size
  }

  /** Begin to hear; call what is returned to hear no more. */
  add (hear: (news: T) => void): () => void {
    const listener = { hear }
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  tell (news: T): void {
    for (const { hear } of [...this.#listeners]) {
      try {
        hear(news)
      } catch (error) {
        queueMicrotask(() => { throw error }) // reported as any error that nobody caught
      }
    }
  }
}
