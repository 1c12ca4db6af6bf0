import { LimitExceeded, OutcomeUnknown, Overloaded, ProtocolError, type ProtoBaseError } from '../errors.js'
import type { Wire, WireObject } from '../values/index.js'
import { decodeAnswer, type Answer, type WelcomeLimits } from './answers.js'
import type { Event } from './events.js'
import { ClientOpened } from './opened.js'
import { ClientPresences } from './presences.js'
import {
  checkSendable, encodeHello, encodeMore, encodeRequest, isOpening, repeatable, type CommitFields, type Operation, type Question, type Request
} from './requests.js'
import { ClientSeen } from './seen.js'
import { ClientStream, ClientView } from './streams.js'

/** A request on its way to its answer, and what came of a long answer so far. */
interface Outgoing { readonly request: Request, readonly frame: Uint8Array, parts: Wire[] }

export interface SessionOptions {
  /** What people may read of it. */
  readonly client: string
  /** Changes that a stream holds at most. */
  readonly credit: number
  /** Calls, streams and views that there may be. */
  readonly maxCalls: number
  /** Collections of which it is remembered what was written. */
  readonly maxSeen: number
}

/**
 * The client's side of the live protocol over many connections, as a state machine without I/O.
 *
 * Calls, streams, views and presences outlive a connection. Tell the session when a connection begins (`welcomed`)
 * and ends (`disconnected`) and what it brings (`receive`); after each input, act on `events` and send what `outgoing`
 * gives. What a lost connection means:
 *
 * - a call that was not sent waits for the next connection;
 * - a read or query is sent again, a stream resumed after the last change received, a view after the last difference
 *   that came whole, a presence announced again;
 * - a commit that was sent fails with OutcomeUnknown, unless it writes nothing: that is sent again;
 * - the next server is told first what was acknowledged and shown, for it to have that before it answers.
 */
export class ClientSession {
  /** What the server of this connection told; null while there is no connection. */
  limits: WelcomeLimits | null = null
  readonly #options: SessionOptions
  readonly #calls = new Set<number>() // whose outcome is still to be told
  #queue = new Map<number, Outgoing>() // not sent yet
  #inFlight = new Map<number, Outgoing>() // sent on this connection and not answered
  readonly #streams = new Map<number, ClientStream | ClientView>()
  readonly #presences = new ClientPresences()
  readonly #seen: ClientSeen
  readonly #openedStructures = new ClientOpened()
  #control: Uint8Array[] = [] // credit and pings, which wait for nothing
  #events: Event[] = []
  #lastId = 0

  constructor (options: SessionOptions) {
    this.#options = options
    this.#seen = new ClientSeen(options.maxSeen)
  }

  // connections

  /** The first frame of each connection. */
  hello (token: string | null): Uint8Array {
    return encodeHello({ token, client: this.#options.client })
  }

  /** A connection's first frame from the server; what waits may be sent now. Raises what the server says. */
  welcomed (frame: Uint8Array): void {
    const answer = decodeAnswer(frame)
    if (answer?.type === 'error') throw answer.error
    if (answer?.type !== 'welcome') throw new ProtocolError(`the server's first message has to be welcome, not ${answer?.type ?? 'unknown'}`)
    this.limits = answer.limits
    const waiting = this.#queue
    this.#queue = new Map()
    const seen = this.#seen.question(this.#streams.values(), answer.limits.seen)
    if (seen !== null) this.#tell(seen)
    for (const stream of this.#streams.values()) this.#enqueue(stream.request(answer.limits))
    for (const question of this.#presences.questions()) this.#tell(question)
    for (const [id, entry] of waiting) this.#queue.set(id, entry)
  }

  /** The connection is lost. */
  disconnected (): void {
    const sent = this.#inFlight
    const waiting = this.#queue
    this.#inFlight = new Map()
    this.#queue = new Map()
    this.limits = null
    this.#control = []
    for (const stream of this.#streams.values()) stream.lost()
    for (const entry of sent.values()) this.#survive(entry, true)
    for (const entry of waiting.values()) this.#survive(entry, false)
  }

  /** No connection follows: what waits fails with `error`, sent commits with OutcomeUnknown. */
  close (error: ProtoBaseError): void {
    this.disconnected()
    const over = [...this.#calls, ...this.#streams.keys()].sort((one, other) => one - other)
    for (const id of over) this.#events.push({ event: 'failed', id, error })
    this.#calls.clear()
    this.#queue.clear()
    this.#streams.clear()
    this.#presences.clear()
  }

  // calls; each has the id that is returned, and raises Overloaded when too many wait

  read (collection: string, read: Operation): number {
    return this.ask({ type: 'read', collection, read })
  }

  commit (fields: CommitFields): number {
    return this.ask({ type: 'commit', ...fields })
  }

  query (query: WireObject, explain: boolean): number {
    return this.ask({ type: 'query', query, explain })
  }

  ask (question: Question): number {
    const id = this.#nextId()
    this.#checkRoom()
    this.#enqueue({ ...question, id })
    this.#calls.add(id)
    return id
  }

  /** Present a fresh token: a call, which goes before all that wait. */
  renew (token: string | null): number {
    const waiting = this.#queue
    this.#queue = new Map()
    const id = this.#nextId()
    this.#enqueue({ type: 'renew', token, id })
    for (const [other, entry] of waiting) this.#queue.set(other, entry)
    this.#calls.add(id)
    return id
  }

  /** Nobody waits for a call any more. True if it is a commit that may be carried out all the same. */
  abandon (id: number): boolean {
    this.#calls.delete(id)
    this.#queue.delete(id)
    const sent = this.#inFlight.get(id)
    return sent !== undefined && !repeatable(sent.request)
  }

  // streams and views; each has the id that is returned, and raises Overloaded when there are too many. What cannot be
  // said raises ValidationError before it is kept: it would fail again, and with it each connection that is to say it

  subscribe (collection: string, since: string | null): number {
    checkSendable([collection, since])
    return this.#open(new ClientStream(this.#nextId(), collection, since, this.#options.credit, this.#openedStructures))
  }

  watch (query: WireObject, since: string | null): number {
    checkSendable([query, since])
    return this.#open(new ClientView(this.#nextId(), query, since))
  }

  /** Ask for an interrupted stream or view again; without a connection, the next one does so anyway. */
  resume (id: number): void {
    const stream = this.#streams.get(id)
    const asked = this.#inFlight.has(id) || this.#queue.has(id)
    if (stream !== undefined && !stream.live && !asked && this.limits !== null) this.#enqueue(stream.request(this.limits))
  }

  /** So many changes of a stream were used, so the server may send as many more. */
  consumed (id: number, count: number): void {
    const stream = this.#streams.get(id)
    if (stream?.type !== 'stream') return
    stream.consumed(count)
    this.#grant(stream)
  }

  /** Close a stream or view; no event of it follows. */
  unsubscribe (id: number): void {
    const stream = this.#streams.get(id)
    this.#streams.delete(id)
    this.#queue.delete(id)
    if (stream !== undefined && (stream.live || this.#inFlight.has(id))) this.#tell({ type: 'unsubscribe', subscription: id })
  }

  // presence

  /** Hear of a collection's presence, until all clients that have joined it have left. */
  joinPresence (collection: string, client: number): void {
    checkSendable([collection])
    if (this.#presences.join(collection, client)) this.#mention({ type: 'join', collection })
  }

  /** Say who `client` is: a call, answered at once without a connection: the next one says it. */
  setPresence (collection: string, client: number, state: Wire): number {
    const question: Question = { type: 'set', collection, client, state }
    if (this.limits !== null) {
      for (const each of this.#presences.again(collection)) this.#tell(each)
      return this.ask(question)
    }
    const request = { ...question, id: this.#nextId() }
    encodeRequest(request)
    this.#said(request)
    return request.id
  }

  /** Take `client` out, and leave with the last one. */
  leavePresence (collection: string, client: number): void {
    const last = this.#presences.leave(collection, client)
    this.#mention(last ? { type: 'leave', collection } : { type: 'set', collection, client, state: null })
  }

  // frames and events

  /** Make the server send something, however many calls wait for it. */
  ping (): void {
    this.#control.push(encodeRequest({ type: 'ping', id: this.#nextId() }))
  }

  /** What the server sent; a type of message that is not known here is ignored. Raises ProtocolError. */
  receive (frame: Uint8Array): void {
    const answer = decodeAnswer(frame)
    if (answer !== null) this.#received(answer)
  }

  /** What is to be sent now, one after the other. A call counts as sent once its frame was taken. */
  * outgoing (): Generator<Uint8Array> {
    for (let frame = this.#control.shift(); frame !== undefined; frame = this.#control.shift()) yield frame
    for (const [id, entry] of this.#queue) {
      if (this.limits === null || this.#inFlight.size >= this.limits.requests) return
      this.#queue.delete(id)
      const { length } = entry.frame
      const most = this.limits.messageBytes
      if (length > most) {
        this.#failed(entry.request, new LimitExceeded(`the request has ${length} bytes, the server takes ${most} (message_bytes)`))
        continue
      }
      this.#inFlight.set(id, entry)
      yield entry.frame
    }
  }

  /** What happened since the last time. */
  events (): Event[] {
    const events = this.#events
    this.#events = []
    return events
  }

  /** Everything that waits and everything that is open, for people to read. */
  inspect (): { calls: Array<Request & { sent: boolean }>, subscriptions: Array<{ id: number, type: string, of: Wire, cursor: string | null, live: boolean }> } {
    const entries = [...this.#inFlight.values(), ...this.#queue.values()].filter(({ request }) => this.#calls.has(request.id))
    return {
      calls: entries.map(({ request }) => ({ ...request, sent: this.#inFlight.has(request.id) })),
      subscriptions: [...this.#streams.values()].map(({ id, type, of, cursor, live }) => ({ id, type, of, cursor, live }))
    }
  }

  #received (answer: Answer): void {
    switch (answer.type) {
      case 'result': this.#answered(answer); break
      case 'error': this.#refused(answer.id, answer.error); break
      case 'changes': {
        const stream = this.#streams.get(answer.subscription)
        if (stream?.type === 'stream') this.#happened(stream.delivered(answer.changes))
        break
      }
      case 'difference': {
        const view = this.#streams.get(answer.subscription)
        if (view?.type === 'view') this.#happened(view.differed(answer))
        break
      }
      case 'ended': this.#ended(answer.subscription, answer.error); break
      case 'presence': {
        const { collection, states, complete } = answer
        if (this.#presences.has(collection)) this.#happened({ event: 'presence', collection, states, complete })
        break
      }
      case 'expiring': this.#happened({ event: 'expiring', seconds: answer.seconds }); break
      case 'bye': this.limits = null; break // what was not sent waits for the next connection
      case 'welcome': throw new ProtocolError('welcome comes once')
    }
  }

  #answered ({ id, value, more }: Answer & { type: 'result' }): void {
    const sent = this.#inFlight.get(id)
    if (sent === undefined) return
    if (more) {
      for (const item of value as readonly Wire[]) sent.parts.push(item)
      return
    }
    this.#inFlight.delete(id)
    this.#seen.answered(sent.request, value)
    this.#openedStructures.answered(sent.request, value)
    if (isOpening(sent.request)) return this.#opened(id, value)
    if (!this.#calls.delete(id)) return
    if (sent.request.type === 'set') this.#said(sent.request)
    else this.#happened({ event: 'answered', id, value: sent.parts.length > 0 && Array.isArray(value) ? [...sent.parts, ...value] : value })
  }

  #refused (id: number | null, error: ProtoBaseError): void {
    if (id === null) throw new ProtocolError(`the server did not understand a message: ${error.message}`)
    const sent = this.#inFlight.get(id)
    this.#inFlight.delete(id)
    if (sent === undefined) return this.#fail(id, error)
    this.#seen.refused(sent.request, error)
    this.#presences.refused(sent.request)
    this.#failed(sent.request, error)
  }

  #opened (id: number, value: Wire): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    this.#happened(stream.answered(value))
    if (stream.type === 'stream') this.#grant(stream)
  }

  #ended (id: number, error: ProtoBaseError): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    stream.lost()
    if (error.retryable && stream.opened) return this.#happened({ event: 'interrupted', id, error })
    this.#streams.delete(id)
    this.#happened({ event: 'failed', id, error })
  }

  /** The server knows, or the next connection will say it: an error of the server is not repeated. */
  #said ({ id, collection, client, state }: Request & { type: 'set' }): void {
    this.#presences.said(collection, client, state)
    this.#happened({ event: 'answered', id, value: null })
  }

  /** What becomes of a request when its connection is lost. */
  #survive (entry: Outgoing, sent: boolean): void {
    const { request } = entry
    if (!this.#calls.has(request.id)) return // of the session itself, which says it anew, or of nobody any more
    if (request.type === 'set') {
      this.#calls.delete(request.id)
      this.#said(request)
    } else if (request.type === 'renew') {
      this.#calls.delete(request.id)
      this.#happened({ event: 'answered', id: request.id, value: null }) // the next connection begins with a fresh one
    } else if (sent && !repeatable(request)) {
      this.#fail(request.id, new OutcomeUnknown(`the connection broke after the ${request.type} was sent`))
    } else {
      entry.parts = []
      this.#queue.set(request.id, entry)
    }
  }

  #open (stream: ClientStream | ClientView): number {
    this.#checkRoom()
    this.#streams.set(stream.id, stream)
    this.resume(stream.id)
    return stream.id
  }

  #grant (stream: ClientStream): void {
    const credit = stream.grant()
    if (credit > 0) this.#control.push(encodeMore(stream.id, credit))
  }

  #checkRoom (): void {
    const most = this.#options.maxCalls
    if (this.#calls.size + this.#streams.size >= most) {
      throw new Overloaded(`${most} calls, streams and views wait already (calls)`)
    }
  }

  #tell (question: Question): void {
    this.#enqueue({ ...question, id: this.#nextId() })
  }

  /** Without a connection there is nobody to tell. */
  #mention (question: Question): void {
    const id = this.#nextId()
    if (this.limits !== null) this.#enqueue({ ...question, id })
  }

  #enqueue (request: Request): void {
    this.#queue.set(request.id, { request, frame: encodeRequest(request), parts: [] })
  }

  #failed (request: Request, error: ProtoBaseError): void {
    if (isOpening(request)) this.#ended(request.id, error)
    else this.#fail(request.id, error)
  }

  #fail (id: number, error: ProtoBaseError): void {
    if (this.#calls.delete(id)) this.#happened({ event: 'failed', id, error })
  }

  #happened (event: Event | null): void {
    if (event !== null) this.#events.push(event)
  }

  #nextId (): number {
    this.#lastId += 1
    return this.#lastId
  }
}
