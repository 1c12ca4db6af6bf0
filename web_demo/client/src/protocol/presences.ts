import type { Wire } from '../values/index.js'
import type { Question } from './requests.js'

interface Joined {
  joins: number
  /** Whether the server did not let the client join it. */
  isRefused: boolean
  readonly states: Map<number, Wire>
}

/** Whom a client speaks for in which collections, over as many connections as it takes. */
export class ClientPresences {
  readonly #joined = new Map<string, Joined>()

  has (collection: string): boolean {
    return this.#joined.has(collection)
  }

  /** Join once more; whether this was the first time. */
  join (collection: string): boolean {
    const joined = this.#joined.get(collection) ?? { joins: 0, isRefused: false, states: new Map() }
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
  for (const [client, state] of joined.states) yield { type: 'set', collection, client, state }
}
