import type { Clock } from '../src/index.js'

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now = 0
  #timers: Array<{ at: number, act: () => void }> = []
  now (): number { return this.#now }

  after (seconds: number, act: () => void): () => void {
    const timer = { at: this.#now + seconds, act }
    this.#timers.push(timer)
    return () => { this.#timers = this.#timers.filter(each => each !== timer) }
  }

  async advance (seconds: number): Promise<void> {
    const until = this.#now + seconds
    for (;;) {
      await settled()
      const next = this.#timers.filter(({ at }) => at <= until).sort((one, other) => one.at - other.at)[0]
      if (next === undefined) break
      this.#now = next.at
      this.#timers = this.#timers.filter(each => each !== next)
      next.act()
    }
    this.#now = until
  }
}

/** Let everything happen that waits for nothing. */
export async function settled (): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve()
}
