import { Closed, type ProtoBaseError } from './errors.js'
import { randomClient } from './ids.js'
import type { Link } from './link.js'
import { Listeners } from './listeners.js'
import type { PresenceChanged } from './protocol/events.js'
import { fromWire, toWire, type Wire } from './values/index.js'
import { Wake } from './wake.js'

export interface PresenceOptions {
  /** Ends the presence. */
  readonly signal?: AbortSignal
}

type Told = Pick<PresenceChanged, 'states' | 'complete'>

/** What the server told of each collection's presence, for all that listen to it here. */
export class PresenceTables {
  readonly #tables = new Map<string, { states: Map<number, Wire>, listeners: Listeners<Told> }>()
  readonly #ends = new Listeners<ProtoBaseError>()

  /** Begin to hear, at once of what is known; `fail` is told why nothing more comes. Call what is returned to hear no more. */
  listen (collection: string, hear: (told: Told) => void, fail: (error: ProtoBaseError) => void): () => void {
    const table = this.#tables.get(collection) ?? { states: new Map(), listeners: new Listeners() }
    this.#tables.set(collection, table)
    const stop = table.listeners.add(hear)
    const stopEnd = this.#ends.add(fail)
    hear({ states: table.states, complete: true })
    return () => {
      stop()
      stopEnd()
      if (table.listeners.size === 0) this.#tables.delete(collection)
    }
  }

  /** Tell everybody that nothing more comes, and why. */
  ended (error: ProtoBaseError): void {
    this.#ends.tell(error)
  }

  /** Tell everybody who listens. */
  changed ({ collection, states, complete }: PresenceChanged): void {
    const table = this.#tables.get(collection)
    if (table === undefined) return
    merge(table.states, states, complete)
    table.listeners.tell({ states, complete })
  }
}

function merge<S> (into: Map<number, S>, states: ReadonlyMap<number, S | null>, complete: boolean): void {
  if (complete) into.clear()
  for (const [client, state] of states) if (state === null) into.delete(client); else into.set(client, state)
}

/**
 * Who else is in a collection: `for await (const states of tasks.presence({ name: 'ann' }))` gives all states whenever
 * they have changed, changes that nobody waited for as one. Leaving the loop leaves the collection. It raises Closed when
 * the database is closed, or what ended the client for good.
 */
export class Presence<S = unknown> implements AsyncIterable<ReadonlyMap<number, S>> {
  /** The id that the others see this one under. */
  readonly client = randomClient()
  #states: ReadonlyMap<number, S> = new Map()
  #stop: (() => void) | undefined
  #opening: Promise<this> | undefined
  /** Whether it was left while it was being opened. */
  #leftSooner = false
  #left = false
  #end: ProtoBaseError | undefined
  readonly #news = new Wake()
  readonly #listeners = new Listeners<void>()

  constructor (
    private readonly link: Link,
    private readonly tables: PresenceTables,
    readonly collection: string,
    private readonly state: S | undefined,
    private readonly options: PresenceOptions = {}
  ) {}

  /** Everybody's state by client id, one's own included: another map after each change, the same one until then. */
  get states (): ReadonlyMap<number, S> {
    return this.#states
  }

  /**
   * Join, and show the others one's state. Raises Forbidden where it is not permitted, if there is a connection;
   * ValidationError, LimitExceeded, Overloaded, Unavailable, Closed.
   */
  open (): Promise<this> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  /** Show the others a new state: anything that JSON can say, null to be there unseen. Raises Closed outside. */
  async set (state: S | null): Promise<void> {
    if (this.#stop === undefined || this.#left) throw new Closed("presence is set while it is open: 'await presence.open()'")
    const wire = toWire(state, 'a state of presence')
    await this.link.call(session => session.setPresence(this.collection, this.client, wire))
    this.#hear({ states: new Map([[this.client, wire]]), complete: false })
  }

  /** Tell the others that one is gone, and hear no more. Harmless when it is closed. */
  close (): void {
    if (this.#left) return
    this.#left = true
    this.options.signal?.removeEventListener('abort', this.#abort)
    this.#stop?.()
    if (this.#stop !== undefined) this.link.leavePresence(this.collection, this.client)
    this.#news.wake()
  }

  /** Be called when `states` have changed; call what is returned to hear no more. */
  onChange (listener: () => void): () => void {
    return this.#listeners.add(listener)
  }

  async * [Symbol.asyncIterator] (): AsyncGenerator<ReadonlyMap<number, S>, void, undefined> {
    try {
      try {
        await this.open()
      } catch (error) {
        if (this.#leftSooner) return
        throw error
      }
      while (!this.#left) {
        await this.#news.wait()
        if (this.#left) return
        if (this.#end !== undefined) throw this.#end
        yield this.#states
      }
    } finally {
      this.close()
    }
  }

  readonly #abort = (): void => { this.close() }

  async #open (): Promise<this> {
    const { signal } = this.options
    if (this.#left || signal?.aborted === true) throw new Closed('the presence was left')
    signal?.addEventListener('abort', this.#abort)
    this.link.joinPresence(this.collection, this.client)
    this.#stop = this.tables.listen(this.collection, told => { this.#hear(told) }, error => { this.#fail(error) })
    try {
      await this.set(this.state ?? null) // none is said, too: the answer tells who may not be present
      if (this.#left) throw new Closed('the presence was left')
    } catch (error) {
      this.#leftSooner = this.#left
      this.close()
      throw error
    }
    return this
  }

  #fail (error: ProtoBaseError): void {
    this.#end = error
    this.#news.wake()
  }

  #hear ({ states, complete }: Told): void {
    const all = new Map(this.#states)
    const mine = all.get(this.client)
    const news = new Map([...states].map(([client, state]) => [client, fromWire(state) as S | null]))
    merge(all, news, complete)
    if (complete && mine !== undefined && !news.has(this.client)) all.set(this.client, mine)
    this.#states = all
    this.#news.wake()
    this.#listeners.tell()
  }
}
