const SECONDS = 2
const PATIENCE_SECONDS = 30

/** How many times as long as an answer takes the pause after it is, at least: a large server is asked less often. */
const REST = 5

/** Asks again and again while the page is seen: two seconds after each answer, or more. */
export class Poll {
  #timer: ReturnType<typeof setTimeout> | undefined
  #asking: AbortController | undefined
  #stopped = true

  /** `ask` tells what it finds, and never fails. */
  constructor (private readonly ask: (signal: AbortSignal) => Promise<void>) {
    document.addEventListener('visibilitychange', () => { if (!document.hidden && !this.#stopped) this.now() })
  }

  /** Ask now, and from now on; what was asked for before is of no interest any more. */
  now (): void {
    this.stop()
    this.#stopped = false
    void this.#round()
  }

  stop (): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#asking?.abort()
  }

  async #round (): Promise<void> {
    const asking = this.#asking = new AbortController()
    const began = performance.now()
    await this.ask(AbortSignal.any([asking.signal, AbortSignal.timeout(PATIENCE_SECONDS * 1000)]))
    const pause = Math.max(SECONDS * 1000, REST * (performance.now() - began))
    if (!asking.signal.aborted && !document.hidden) this.#timer = setTimeout(() => { void this.#round() }, pause)
  }
}
