import type { Wire } from '../values/index.js'
import type { Question } from './requests.js'

interface Joined {
  /** Whether the server did not let the client join it. */
  isRefused: boolean
  /** Of those who have joined and not left; null for one who is there unseen. */
  readonly states: Map<number, Wire>
}

/** Whom a client speaks for in which collections, over as many connections as it takes. */
export class ClientPresences {
  readonly #joined = new Map<string, Joined>()

  has (collection: string): boolean {
    return this.#joined.has(collection)
  }

  /** Take `client` in; whether it is the first one. */
  join (collection: string, client: number): boolean {
    const joined = this.#joined.get(collection) ?? { isRefused: false, states: new Map() }
    this.#joined.set(collection, joined)
    joined.states.set(client, null)
    return joined.states.size === 1
  }

  /** Take `client` out; whether it was the last one. */
  leave (collection: string, client: number): boolean {
    const states = this.#joined.get(collection)?.states
    states?.delete(client)
    return states?.size === 0 && this.#joined.delete(collection)
  }

  /** The server was told, or the next one will be, unless the client has left meanwhile. */
  said (collection: string, client: number, state: Wire): void {
    const states = this.#joined.get(collection)?.states
    if (states?.has(client) === true) states.set(client, state)
  }

  /** What announces all of them on a new connection. */
  * questions (): Generator<Question> {
    for (const [collection, joined] of this.#joined) yield * announced(collection, joined)
  }

  /** The server has answered a question with an error. */
  refused (question: Question): void {
    const joined = question.type === 'join' ? this.#joined.get(question.collection) : undefined
    if (joined !== undefined) joined.isRefused = true
  }

  /** What announces a collection whose join was refused: it may be permitted by now. */
  * again (collection: string): Generator<Question> {
    const joined = this.#joined.get(collection)
    if (joined?.isRefused === true) yield * announced(collection, joined)
  }

  clear (): void {
    this.#joined.clear()
  }
}

function * announced (collection: string, joined: Joined): Generator<Question> {
  joined.isRefused = false
  yield { type: 'join', collection }
  for (const [client, state] of joined.states) if (state !== null) yield { type: 'set', collection, client, state }
}
