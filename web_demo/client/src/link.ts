import { within, type Clock } from './clock.js'
import { Conversation } from './conversation.js'
import type { Door, Doors } from './doors.js'
import { Closed, Forbidden, OutcomeUnknown, ProtocolError, Unauthorized, Unavailable, type ProtoBaseError } from './errors.js'
import type { ClientLimits } from './limits.js'
import { Listeners } from './listeners.js'
import type { Event, News, PresenceChanged } from './protocol/events.js'
import type { ClientSession } from './protocol/session.js'
import type { Status } from './status.js'
import type { Tokens } from './tokens.js'
import type { Dial, Loss } from './transport.js'
import type { Wire } from './values/index.js'

/** What a link tells of a stream or view. */
export interface Subscriber {
  /** It brought something. */
  hear (news: News): void
  /** It is over. */
  fail (error: ProtoBaseError): void
}

interface Call { resolve (value: Wire): void, reject (error: ProtoBaseError): void }

export interface LinkOptions {
  readonly doors: Doors
  readonly dial: Dial
  readonly session: ClientSession
  readonly tokens: Tokens
  readonly clock: Clock
  readonly limits: ClientLimits
  readonly onPresence: (changed: PresenceChanged) => void
  /** Is told why no connection follows. */
  readonly onEnd: (error: ProtoBaseError) => void
}

/** A link to a server that outlives its connections: the side of a `ClientSession` that has sockets and a clock. */
export class Link {
  readonly statuses = new Listeners<Status>()
  readonly #options: LinkOptions
  readonly #calls = new Map<number, Call>()
  readonly #subscribers = new Map<number, Subscriber>()
  #status: Status = { state: 'connecting' }
  #conversation: Conversation | undefined
  #stopPause: () => void = () => {}
  #end: ProtoBaseError | undefined
  #first: { resolve (): void, reject (error: ProtoBaseError): void } | undefined
  #telling = false
  #renewing = false

  constructor (options: LinkOptions) {
    this.#options = options
  }

  get status (): Status {
    return this.#status
  }

  /** What waits and what is open, for people to read. */
  inspect (): ReturnType<ClientSession['inspect']> {
    return this.#options.session.inspect()
  }

  /** Wait for the first connection. Raises Unavailable, Unauthorized or ProtocolError, and is closed then. */
  async open (signal?: AbortSignal): Promise<void> {
    const { clock, limits } = this.#options
    const giveUp = (): void => { this.#finish(new Unavailable(`no connection within ${limits.connectSeconds} seconds: ${this.#why()}`)) }
    const abort = (): void => { this.close('connecting was aborted') }
    const stopTimer = clock.after(limits.connectSeconds, giveUp)
    signal?.addEventListener('abort', abort)
    try {
      const first = new Promise<void>((resolve, reject) => { this.#first = { resolve, reject } })
      if (signal?.aborted === true) abort()
      else this.#next()
      await first
    } finally {
      this.#first = undefined
      stopTimer()
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Close; whatever waits fails with Closed, a commit that was sent with OutcomeUnknown. */
  close (why = 'the connection was closed'): void {
    this.#finish(new Closed(why))
  }

  // calls

  /**
   * The answer of the call that `start` makes.
   *
   * Raises what the server says; Unavailable when there was no answer in time and nothing was done; OutcomeUnknown
   * when a commit may have been carried out; Overloaded; Closed.
   */
  call (start: (session: ClientSession) => number): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const id = start(this.#openSession())
      const stopTimer = this.#options.clock.after(this.#options.limits.callSeconds, () => { this.#expire(id) })
      this.#calls.set(id, {
        resolve: value => { stopTimer(); resolve(value) },
        reject: error => { stopTimer(); reject(error) }
      })
      this.#act()
    })
  }

  /** The result of `work`. Raises Unavailable after `callSeconds`. */
  withinCall<T> (work: Promise<T>): Promise<T> {
    return within(this.#options.clock, this.#options.limits.callSeconds, work, () => this.#late())
  }

  #expire (id: number): void {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    const late = this.#late()
    call?.reject(this.#options.session.abandon(id) ? new OutcomeUnknown(late.message) : late)
  }

  #late (): Unavailable {
    return new Unavailable(`no answer within ${this.#options.limits.callSeconds} seconds (callSeconds)`)
  }

  // streams and views

  /** Open the stream or view that `start` makes. Raises Overloaded or Closed. */
  subscribe (start: (session: ClientSession) => number, subscriber: Subscriber): number {
    const id = start(this.#openSession())
    this.#subscribers.set(id, subscriber)
    this.#act()
    return id
  }

  /** Close a stream or view; its subscriber hears no more. */
  unsubscribe (id: number): void {
    if (!this.#subscribers.delete(id)) return
    this.#options.session.unsubscribe(id)
    this.#act()
  }

  /** Changes were used: there is room for as many more. */
  consumed (id: number, count: number): void {
    this.#options.session.consumed(id, count)
    this.#act()
  }

  // presence

  /** Take `client` in, and hear of a collection's presence. Raises Closed. */
  joinPresence (collection: string, client: number): void {
    this.#openSession().joinPresence(collection, client)
    this.#act()
  }

  /** Take `client` out; after the last one, hear no more. */
  leavePresence (collection: string, client: number): void {
    if (this.#end !== undefined) return
    this.#options.session.leavePresence(collection, client)
    this.#act()
  }

  // connections

  #next (): void {
    if (this.#end !== undefined) return
    const { door, seconds } = this.#options.doors.next()
    this.#stopPause = this.#options.clock.after(seconds, () => { void this.#visit(door) })
  }

  /** One connection to a door, and what becomes of it. */
  async #visit (door: Door): Promise<void> {
    const { dial, session, tokens, clock, doors } = this.#options
    const conversation = this.#conversation = new Conversation({
      transport: dial(door.url),
      session,
      tokens,
      clock,
      patience: doors.patience(door),
      silence: seconds => doors.silence(seconds),
      act: () => { this.#act() },
      welcomed: () => {
        this.#tellStatus({ state: 'connected', url: door.url })
        this.#first?.resolve()
      }
    })
    const loss = await conversation.hold()
    this.#conversation = undefined
    doors.left(door, conversation.lasted)
    this.#lost(loss, conversation.lasted > 0)
  }

  /** Go on with the next connection, unless it would fare the same. */
  #lost (loss: Loss, wasLetIn: boolean): void {
    if (this.#end !== undefined) return
    const error = finalError(loss)
    const hasEnded = wasLetIn && loss.code === UNAUTHORIZED && this.#options.tokens.canBeFresh
    if (error !== undefined && !hasEnded) return this.#finish(error)
    this.#options.session.disconnected()
    this.#tellStatus({ state: 'lost', why: loss.why })
    this.#act()
    this.#next()
  }

  #finish (error: ProtoBaseError): void {
    if (this.#end !== undefined) return
    this.#end = error
    this.#stopPause()
    this.#conversation?.end({ why: error.message })
    this.#options.session.close(error)
    this.#act()
    this.#tellStatus({ state: 'closed', why: error.message })
    this.#first?.reject(error)
    this.#options.onEnd(error)
  }

  #tellStatus (status: Status): void {
    this.#status = status
    this.statuses.tell(status)
  }

  #why (): string {
    return this.#status.state === 'lost' ? this.#status.why : 'no answer'
  }

  #openSession (): ClientSession {
    const end = this.#end
    if (end !== undefined) throw new (end.constructor as new (message: string) => ProtoBaseError)(end.message)
    return this.#options.session
  }

  // events

  /** After every input to the session: tell what happened and send what there is to send. */
  #act (): void {
    if (this.#telling) return // what is told may make further calls; it is seen to below
    this.#telling = true
    try {
      for (let again = true; again;) {
        this.#conversation?.flush()
        const events = this.#options.session.events()
        for (const event of events) this.#handle(event)
        again = events.length > 0
      }
    } finally {
      this.#telling = false
    }
  }

  #handle (event: Event): void {
    switch (event.event) {
      case 'answered': this.#take(event.id)?.resolve(event.value); break
      case 'failed': this.#failed(event.id, event.error); break
      case 'interrupted': this.#options.clock.after(this.#options.doors.pause(0), () => { this.#resume(event.id) }); break
      case 'presence': this.#options.onPresence(event); break
      case 'expiring': this.#renew(); break
      default: this.#subscribers.get(event.id)?.hear(event)
    }
  }

  #failed (id: number, error: ProtoBaseError): void {
    const subscriber = this.#subscribers.get(id)
    this.#subscribers.delete(id)
    if (subscriber !== undefined) subscriber.fail(error)
    else this.#take(id)?.reject(error)
  }

  #take (id: number): Call | undefined {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    return call
  }

  /** Present a fresh token; without one the connection ends, which its status says, and the next one begins with one. */
  #renew (): void {
    const { tokens } = this.#options
    if (!tokens.canBeFresh || this.#renewing) return
    this.#renewing = true
    this.withinCall(tokens.get())
      .then(token => this.call(session => session.renew(token)))
      .catch(() => {})
      .finally(() => { this.#renewing = false })
  }

  #resume (id: number): void {
    this.#options.session.resume(id)
    this.#act()
  }
}

const BAD_MESSAGE = 4400
const UNAUTHORIZED = 4401
const FORBIDDEN = 4403
const MESSAGE_TOO_BIG = 4413

/** The error of everything that waits, if connecting again cannot help. */
function finalError ({ error, code, why }: Loss): ProtoBaseError | undefined {
  if (error !== undefined) return error
  if (code === UNAUTHORIZED) return new Unauthorized(why)
  if (code === FORBIDDEN) return new Forbidden(why)
  if (code === BAD_MESSAGE || code === MESSAGE_TOO_BIG) return new ProtocolError(`the server closed the connection: ${code} ${why}`)
  return undefined
}
