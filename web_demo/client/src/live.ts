import { Closed, ProtocolError, ValidationError, type ProtoBaseError } from './errors.js'
import type { Link, Subscriber } from './link.js'
import { Listeners } from './listeners.js'
import type { RowChangeForm } from './protocol/answers.js'
import type { News } from './protocol/events.js'
import { fromWire, type WireObject } from './values/index.js'
import { Wake } from './wake.js'

/** One change of a live query's rows; positions are those of the list as it is then. */
export type RowChange<T> =
  | { readonly kind: 'insert' | 'update', readonly position: number, readonly row: T }
  | { readonly kind: 'delete', readonly position: number, readonly row: T }
  | { readonly kind: 'move', readonly previous: number, readonly position: number, readonly row: T }

/** What happened to a live query's rows, of a whole transaction or more. `reset`: all rows are told anew. */
export interface Diff<T> { readonly changes: ReadonlyArray<RowChange<T>>, readonly reset: boolean, readonly cursor: string }

/** A live query at one moment: `ready` says whether `rows` are those of the query by now, `error` what ended it. */
export interface LiveState<T> { readonly rows: readonly T[], readonly ready: boolean, readonly error: ProtoBaseError | undefined }

export interface LiveOptions<T> {
  /** Go on after this cursor, with the `rows` that were current there. */
  readonly since?: string
  readonly rows?: readonly T[]
  /** Ends the live query. */
  readonly signal?: AbortSignal
}

/**
 * A query's rows, kept current: `for await (const rows of db.live(query))` gives them whenever they have changed, all
 * changes that nobody waited for as one. Leaving the loop closes it. For one who iterates; any number may listen.
 */
export class LiveQuery<T> implements AsyncIterable<readonly T[]>, Subscriber {
  #state: LiveState<T>
  #cursor: string | undefined
  #id: number | undefined
  #opening: Promise<this> | undefined
  #closed = false
  #heard = false
  readonly #news = new Wake()
  readonly #listeners = new Listeners<void>()
  readonly #diffs = new Listeners<Diff<T>>()

  /** Raises ValidationError for `since` without `rows`, or the other way round. */
  constructor (private readonly link: Link, private readonly query: WireObject, private readonly options: LiveOptions<T> = {}) {
    if ((options.since === undefined) !== (options.rows === undefined)) {
      throw new ValidationError('to go on, give both: since: live.cursor and rows: live.rows of the same moment')
    }
    this.#state = { rows: options.rows ?? [], ready: false, error: undefined }
  }

  /** The rows as they are now, in order: another list after each change, and the very same one until then. */
  get rows (): readonly T[] {
    return this.#state.rows
  }

  /** All of it: another object after each change, and the very same one until then. */
  get state (): LiveState<T> {
    return this.#state
  }

  /** How far `rows` have seen the collections. Raises Closed before it is open. */
  get cursor (): string {
    if (this.#cursor === undefined) throw new Closed("a live query has a cursor once it is open: 'await live.open()'")
    return this.#cursor
  }

  /** Wait for the first rows. Raises ValidationError, Overloaded, LimitExceeded, Unavailable, Closed. */
  open (): Promise<this> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  /** Hear no more; `rows` stay. Whoever iterates has come to the end. Harmless when it is closed. */
  close (): void {
    if (this.#id !== undefined) this.link.unsubscribe(this.#id)
    this.options.signal?.removeEventListener('abort', this.#abort)
    this.#closed = true
    this.fail(new Closed('the live query was closed'))
  }

  /** Be called when `state` has changed; call what is returned to hear no more. */
  onChange (listener: () => void): () => void {
    return this.#listeners.add(listener)
  }

  /** Be told each difference at once, `rows` being those after it; call what is returned to hear no more. */
  onDiff (listener: (diff: Diff<T>) => void): () => void {
    return this.#diffs.add(listener)
  }

  async * [Symbol.asyncIterator] (): AsyncGenerator<readonly T[], void, undefined> {
    try {
      await this.open()
      while (!this.#closed) {
        if (this.#heard) {
          this.#heard = false
          yield this.rows
        } else if (this.#state.error !== undefined) throw this.#state.error
        else await this.#news.wait()
      }
    } finally {
      this.close()
    }
  }

  // from the link

  hear (news: News): void {
    if (news.event !== 'differed') return
    if (news.changes.length === 0 && !news.reset && this.#state.ready) {
      this.#cursor = news.cursor
      return
    }
    try {
      const diff = this.#apply(news.changes, news.reset, news.cursor)
      this.#heard = true
      this.#diffs.tell(diff)
      this.#changed()
    } catch (error) {
      this.link.unsubscribe(news.id)
      this.fail(new ProtocolError(`a difference does not fit the rows that it is for: ${String(error)}`))
    }
  }

  fail (error: ProtoBaseError): void {
    if (this.#state.error !== undefined) return
    this.#state = { ...this.#state, error }
    this.#changed()
  }

  readonly #abort = (): void => { this.close() }

  #changed (): void {
    this.#news.wake()
    this.#listeners.tell()
  }

  #apply (forms: readonly RowChangeForm[], reset: boolean, cursor: string): Diff<T> {
    const rows = reset ? [] : [...this.rows]
    const changes = forms.map(form => applyChange<T>(rows, form))
    this.#cursor = cursor
    this.#state = { ...this.#state, rows, ready: true }
    return { changes, reset, cursor }
  }

  async #open (): Promise<this> {
    const { since = null, signal } = this.options
    if (signal?.aborted === true) this.close()
    if (this.#state.error !== undefined) throw this.#state.error
    signal?.addEventListener('abort', this.#abort)
    this.#id = this.link.subscribe(session => session.watch(this.query, since), this)
    try {
      await this.link.withinCall(this.#first())
    } catch (error) {
      this.close()
      throw error
    }
    return this
  }

  async #first (): Promise<void> {
    while (this.#cursor === undefined) {
      if (this.#state.error !== undefined) throw this.#state.error
      await this.#news.wait()
    }
  }
}

/** Carry out one change in place. Raises RangeError where it does not fit. */
export function applyChange<T> (rows: T[], form: RowChangeForm): RowChange<T> {
  const [kind, at] = form
  const length = rows.length
  if (at >= length + Number(kind === 'insert')) throw new RangeError(`${kind} at ${at} of ${length} rows`)
  if (kind === 'delete') return { kind, position: at, row: rows.splice(at, 1)[0]! }
  if (kind === 'move') {
    const row = fromWire(form[3]) as T
    if (form[2] >= length) throw new RangeError(`move to ${form[2]} of ${length} rows`)
    rows.splice(at, 1)
    rows.splice(form[2], 0, row)
    return { kind, previous: at, position: form[2], row }
  }
  const row = fromWire(form[2]) as T
  rows.splice(at, kind === 'update' ? 1 : 0, row)
  return { kind, position: at, row }
}
