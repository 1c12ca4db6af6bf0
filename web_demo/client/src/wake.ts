/** Something to wait for, which remembers that it has happened while nobody waited. For one who waits. */
export class Wake {
  #happened = false
  #resolve: (() => void) | undefined

  wake (): void {
    this.#happened = true
    this.#resolve?.()
  }

  async wait (): Promise<void> {
    if (!this.#happened) await new Promise<void>(resolve => { this.#resolve = resolve })
    this.#happened = false
    this.#resolve = undefined
  }
}
