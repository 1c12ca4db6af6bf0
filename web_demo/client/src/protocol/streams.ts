import { ProtocolError } from '../errors.js'
import type { Wire, WireObject } from '../values/index.js'
import type { ChangeForm, Difference, RowChangeForm, WelcomeLimits } from './answers.js'
import type { News } from './events.js'
import { Fields } from './fields.js'
import type { ClientOpened } from './opened.js'
import type { Request } from './requests.js'

/** A change stream over as many connections as it takes, which holds at most `credit` changes that were not consumed. */
export class ClientStream {
  readonly type = 'stream'
  /** Whether the server has opened it, on whichever connection. */
  opened = false
  /** Whether the server has opened it on this connection. */
  live = false
  #mostHeld: number
  /** Changes that the server may still send. */
  #granted = 0
  /** Changes delivered and not yet consumed. */
  #held = 0

  /** `cursor`: behind the last change that has come. */
  constructor (
    readonly id: number, readonly collection: string, public cursor: string | null, private readonly credit: number,
    private readonly structures: ClientOpened
  ) {
    this.#mostHeld = credit
  }

  /** What it is of, for people to read. */
  get of (): Wire {
    return this.collection
  }

  /** What opens it on a connection with these limits, after the last change it has. */
  request (limits: WelcomeLimits): Request {
    this.#mostHeld = Math.min(this.credit, limits.credit)
    this.#granted = Math.max(0, this.#mostHeld - this.#held)
    const structures = this.structures.of(this.collection)
    const asked = { type: 'subscribe', id: this.id, collection: this.collection, since: this.cursor, credit: this.#granted } as const
    return structures.length > 0 ? { ...asked, structures } : asked
  }

  /** The server has opened it. Raises ProtocolError. */
  answered (value: Wire): News | null {
    const cursor = new Fields({ value }, 'result').part('value').text('cursor')
    const first = !this.opened
    this.cursor = cursor
    this.opened = this.live = true
    return first ? { event: 'opened', id: this.id, cursor } : null
  }

  /** The server sent changes. Raises ProtocolError if they are more than it was granted. */
  delivered (changes: readonly ChangeForm[]): News | null {
    const last = changes.at(-1)
    if (last === undefined) return null
    if (changes.length > this.#granted) throw new ProtocolError(`${changes.length} changes where ${this.#granted} were granted`)
    this.#granted -= changes.length
    this.#held += changes.length
    this.cursor = last.cursor
    return { event: 'delivered', id: this.id, changes }
  }

  /** So many changes were used. */
  consumed (count: number): void {
    this.#held -= count
  }

  /** Credit to grant, when there is room for it, in large pieces: half of what it may hold at least; else 0. */
  grant (): number {
    const room = this.#mostHeld - this.#held - this.#granted
    if (!this.live || room <= 0 || room * 2 < this.#mostHeld) return 0
    this.#granted += room
    return room
  }

  /** It is not open any more: the connection is lost, or the server ended it. */
  lost (): void {
    this.live = false
    this.#granted = 0
  }
}

/** A view of a query's rows: a difference counts when all its parts have come. */
export class ClientView {
  readonly type = 'view'
  /** Its cursor names the collections. */
  readonly collection = null
  opened = false
  live = false
  #most = 0
  #parts: RowChangeForm[] = []

  /** `cursor`: behind the last whole difference. */
  constructor (readonly id: number, readonly query: WireObject, public cursor: string | null) {}

  /** What it is of, for people to read. */
  get of (): Wire {
    return this.query
  }

  /** What opens it on a connection with these limits, after the last whole difference it has. */
  request (limits: WelcomeLimits): Request {
    this.#most = limits.difference
    return { type: 'watch', id: this.id, query: this.query, since: this.cursor }
  }

  /** The server has opened it. */
  answered (): null {
    this.opened = this.live = true
    return null
  }

  /** The server sent a part; the whole, once all are there. Raises ProtocolError if it is too large. */
  differed (part: Difference): News | null {
    if (this.#parts.length + part.changes.length > this.#most) {
      throw new ProtocolError(`a difference of more than ${this.#most} changes (difference)`)
    }
    for (const change of part.changes) this.#parts.push(change)
    if (part.more) return null
    const changes = this.#parts
    this.#parts = []
    this.cursor = part.cursor
    return { event: 'differed', id: this.id, cursor: part.cursor, reset: part.reset, changes }
  }

  lost (): void {
    this.live = false
    this.#parts = []
  }
}
