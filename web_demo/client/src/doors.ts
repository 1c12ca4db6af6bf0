import type { Clock, Random } from './clock.js'
import type { ClientLimits } from './limits.js'

/** The live door of one server. */
export interface Door {
  readonly url: string
  /** How often it was left again since a connection to it has lasted. */
  attempts: number
  /** When it may be dialled, in seconds of the clock. */
  due: number
}

/**
 * The doors of all servers, in an order that is drawn once: many clients spread over the servers.
 *
 * The one that was left comes after the others, and is dialled with pauses that grow. The others are dialled within
 * half of `backoffSeconds`, and not by all who have lost the same server in the same moment.
 */
export class Doors {
  readonly #doors: Door[]

  /** There is one address at least, and none twice. */
  constructor (
    urls: readonly string[],
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly limits: ClientLimits
  ) {
    this.#doors = shuffled(urls, random).map(url => ({ url, attempts: 0, due: 0 }))
  }

  /** The door to dial, and in how many seconds: of several that may be dialled the one that was left the least often. */
  next (): { door: Door, seconds: number } {
    const soonest = Math.min(...this.#doors.map(door => door.due))
    const [door] = this.#doors.filter(each => each.due <= soonest).sort((one, other) => one.attempts - other.attempts)
    return { door: door!, seconds: Math.max(0, soonest - this.clock.now()) }
  }

  /** A connection to a door has ended after `lasted` seconds, 0 if there was none. */
  left (door: Door, lasted: number): void {
    const now = this.clock.now()
    const soon = now + this.random() * this.limits.backoffSeconds / 2
    for (const other of this.#doors) other.due = Math.max(other.due, soon)
    if (lasted >= this.limits.maxBackoffSeconds) door.attempts = 0 // not before: a server may welcome and close at once
    door.due = now + this.pause(door.attempts)
    door.attempts += 1
  }

  /** Exponential, capped, and spread: many clients that lost one server do not return at once. */
  pause (attempt: number): number {
    const { backoffSeconds, maxBackoffSeconds } = this.limits
    const longest = Math.min(maxBackoffSeconds, backoffSeconds * 2 ** Math.min(attempt, 30))
    return longest * (0.5 + this.random() / 2)
  }

  /** How long one attempt may take: where there are others, not long at first. */
  patience (door: Door): number {
    const { attemptSeconds, switchSeconds } = this.limits
    return this.#doors.length === 1 ? attemptSeconds : Math.min(attemptSeconds, switchSeconds * 2 ** Math.min(door.attempts, 30))
  }

  /** How long a server may say nothing that told `seconds`: where there are others, not so long. */
  silence (seconds: number): number {
    return this.#doors.length === 1 ? seconds : Math.min(seconds, this.limits.silenceSeconds)
  }
}

function shuffled (urls: readonly string[], random: Random): string[] {
  return urls.map(url => ({ url, rank: random() })).sort((one, other) => one.rank - other.rank).map(({ url }) => url)
}
