import type { Wire } from '../values/index.js'
import type { Question } from './requests.js'

interface Joined { joins: number, readonly states: Map<number, Wire> }

/** Whom a client speaks for in which collections, over as many connections as it takes. */
export class ClientPresences {
  readonly #joined = new Map<string, Joined>()

  has (collection: string): boolean {
    return this.#joined.has(collection)
  }

  /** Join once more; whether this was the first time. */
  join (collection: string): boolean {
    const joined = this.#joined.get(collection) ?? { joins: 0, states: new Map() }
    this.#joined.set(collection, joined)
    joined.joins += 1
    return joined.joins === 1
  }

  /** Take `client` out and leave once; whether this was the last time. */
  leave (collection: string, client: number): boolean {
    const joined = this.#joined.get(collection)
    if (joined === undefined) return false
    joined.joins -= 1
    joined.states.delete(client)
    return joined.joins === 0 && this.#joined.delete(collection)
  }

  /** The server was told, or the next one will be. */
  said (collection: string, client: number, state: Wire): void {
    const states = this.#joined.get(collection)?.states
    if (state === null) states?.delete(client)
    else states?.set(client, state)
  }

  /** What announces all of them on a new connection. */
  * questions (): Generator<Question> {
    for (const [collection, { states }] of this.#joined) {
      yield { type: 'join', collection }
      for (const [client, state] of states) yield { type: 'set', collection, client, state }
    }
  }

  clear (): void {
    this.#joined.clear()
  }
}
