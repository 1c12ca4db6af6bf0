import { Closed, type ProtoBaseError } from './errors.js'
import type { Link, Subscriber } from './link.js'
import type { ChangeForm } from './protocol/answers.js'
import type { News } from './protocol/events.js'
import { fromWire } from './values/index.js'
import { Wake } from './wake.js'

/** One record or entry as a commit left it. */
export interface Change {
  readonly collection: string
  /** `records`, or the name of the structure. */
  readonly structure: string
  /** After a `reset` forget what is known: an `insert` for everything that exists follows. */
  readonly kind: 'insert' | 'update' | 'delete' | 'reset'
  /** Null where the structure is one value. */
  readonly key: unknown
  readonly before: unknown
  readonly after: unknown
  /** Resumes right after this change. */
  readonly cursor: string
  readonly author: string | null
  /** Which of `before` and `after` are null because they are too large. */
  readonly omitted: ReadonlyArray<'before' | 'after'>
  /** Of a large text: where it changed, how many code points went, and what came instead. */
  readonly splice: readonly [start: number, deleted: number, inserted: string] | null
}

export interface ChangesOptions {
  /** Begin after this cursor; without it from now on. */
  readonly since?: string
  /** Ends the stream. */
  readonly signal?: AbortSignal
}

/**
 * `for await (const change of tasks.changes({ since }))`: misses nothing and repeats nothing, also when the connection
 * is lost in between.
 *
 * It holds at most the credit that it gave the server (`limits.credit`); while it is not read, the server waits.
 * Leaving the loop closes it. For one reader.
 */
export class ChangeStream implements AsyncIterable<Change>, Subscriber {
  #id: number | undefined
  #opening: Promise<this> | undefined
  #held: ChangeForm[] = []
  #cursor: string | undefined
  #end: ProtoBaseError | undefined
  #closed = false
  readonly #news = new Wake()

  constructor (private readonly link: Link, readonly collection: string, private readonly options: ChangesOptions = {}) {}

  /** Resumes right after the last change that was given. Raises Closed before it is open. */
  get cursor (): string {
    if (this.#cursor === undefined) throw new Closed("a stream has a cursor once it is open: 'await changes.open()'")
    return this.#cursor
  }

  /** Wait until the server has opened it: everything from now on is told. Iterating does so, too. */
  open (): Promise<this> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  /** Hear no more; whoever iterates has come to the end. Harmless when it is closed. */
  close (): void {
    if (this.#id !== undefined) this.link.unsubscribe(this.#id)
    this.options.signal?.removeEventListener('abort', this.#abort)
    this.#held = []
    this.#closed = true
    this.fail(new Closed('the change stream was closed'))
  }

  async * [Symbol.asyncIterator] (): AsyncGenerator<Change, void, undefined> {
    try {
      await this.open()
      for (;;) {
        const form = await this.#next()
        if (form === undefined) return
        this.#cursor = form.cursor
        this.link.consumed(this.#id!, 1)
        yield changeOf(this.collection, form)
      }
    } finally {
      this.close()
    }
  }

  // from the link

  hear (news: News): void {
    if (news.event === 'opened') this.#cursor = news.cursor
    if (news.event === 'delivered') for (const change of news.changes) this.#held.push(change)
    this.#news.wake()
  }

  /** It is over once what it holds was read. */
  fail (error: ProtoBaseError): void {
    this.#end ??= error
    this.#news.wake()
  }

  readonly #abort = (): void => { this.close() }

  async #open (): Promise<this> {
    const { since = null, signal } = this.options
    if (signal?.aborted === true) this.close()
    if (this.#end !== undefined) throw this.#end
    signal?.addEventListener('abort', this.#abort)
    this.#id = this.link.subscribe(session => session.subscribe(this.collection, since), this)
    try {
      await this.link.withinCall(this.#opened())
    } catch (error) {
      this.close()
      throw error
    }
    return this
  }

  async #opened (): Promise<void> {
    while (this.#cursor === undefined) {
      if (this.#end !== undefined) throw this.#end
      await this.#news.wait()
    }
  }

  /** The next change; undefined at the end. Raises what ended it. */
  async #next (): Promise<ChangeForm | undefined> {
    for (;;) {
      const form = this.#held.shift()
      if (form !== undefined) return form
      if (this.#closed) return undefined
      if (this.#end !== undefined) throw this.#end
      await this.#news.wait()
    }
  }
}

function changeOf (collection: string, form: ChangeForm): Change {
  return {
    ...form,
    collection,
    kind: form.kind as Change['kind'],
    key: fromWire(form.key),
    before: fromWire(form.before),
    after: fromWire(form.after),
    omitted: form.omitted as Change['omitted']
  }
}
