import type { Task } from './data.js'
import type { Latency } from './latency.js'

/** Writes that are looked for in other panes; then the oldest is given up. */
const MAX_SOUGHT = 128
/** A write that nobody has seen for so long is behind a cut, which is no matter of speed. */
const GIVE_UP_MS = 5_000

/** What a pane sees by now. */
export interface Sight {
  task (key: string): Task | undefined
  /** How far it has seen what a Yjs client wrote. */
  clock (client: number): number
}

interface Sought { readonly at: number, readonly missing: Set<Sight>, readonly isSeen: (there: Sight) => boolean }

/** Measures how long it takes from a write in one pane until it is seen in the others. */
export class Writes {
  readonly #panes = new Set<Sight>()
  #sought: Sought[] = []
  #last = -Infinity

  constructor (private readonly latency: Latency) {}

  join (pane: Sight): void {
    this.#panes.add(pane)
  }

  /** Somebody writes now. `isSeen` tells whether a pane sees it. */
  made (from: Sight, isSeen: (there: Sight) => boolean): void {
    this.#last = performance.now()
    const missing = new Set([...this.#panes].filter(pane => pane !== from))
    this.#sought = [...this.#sought.slice(1 - MAX_SOUGHT), { at: this.#last, missing, isSeen }]
  }

  /** A pane sees something new. */
  look (there: Sight): void {
    const now = performance.now()
    for (const { at, missing, isSeen } of this.#sought) {
      if (now - at < GIVE_UP_MS && missing.has(there) && isSeen(there)) {
        missing.delete(there)
        this.latency.add(now - at)
      }
    }
    this.#sought = this.#sought.filter(({ at, missing }) => missing.size > 0 && now - at < GIVE_UP_MS)
  }

  /** Milliseconds since the last write of anybody here, if it was a moment ago. */
  sinceLast (moment: number): number | undefined {
    const since = performance.now() - this.#last
    return since < moment ? since : undefined
  }
}
