import type { Clock } from './clock.js'
import { ProtoBaseError, ProtocolError } from './errors.js'
import type { ClientSession } from './protocol/session.js'
import type { Tokens } from './tokens.js'
import { lossFrom, NO_ANSWER, type Loss, type Transport } from './transport.js'

export interface ConversationOptions {
  readonly transport: Transport
  readonly session: ClientSession
  readonly tokens: Tokens
  readonly clock: Clock
  /** How many seconds there are until the welcome. */
  readonly patience: number
  /** How long the server may say nothing, given what it told. */
  readonly silence: (heartbeatSeconds: number) => number
  /** Is called after everything that the session was told: there may be events, and something to send. */
  readonly act: () => void
  /** Is called when the server has welcomed the client. */
  readonly welcomed: () => void
}

/** One connection to a server, from its opening to its loss. */
export class Conversation {
  /** How many seconds it has lasted since the welcome, 0 if there was none. */
  get lasted (): number {
    return this.#began === undefined ? 0 : this.#options.clock.now() - this.#began
  }

  readonly #options: ConversationOptions
  #began: number | undefined
  #stopTimer: () => void = () => {}
  #heard = false
  #silent = false
  #over = false
  #end: (loss: Loss) => void = () => {}

  constructor (options: ConversationOptions) {
    this.#options = options
  }

  /** Talk, until the connection is lost. */
  hold (): Promise<Loss> {
    const { transport, clock, patience } = this.#options
    return new Promise(resolve => {
      this.#end = loss => {
        this.#end = () => {}
        this.#over = true
        this.#stopTimer()
        transport.onmessage = transport.onclose = () => {}
        transport.close()
        resolve(loss)
      }
      this.#stopTimer = clock.after(patience, () => { this.end(NO_ANSWER) })
      transport.onclose = loss => { this.end(loss) }
      transport.onmessage = frame => { this.#guarded(() => { this.#received(frame) }) }
      this.#greet().catch((error: unknown) => { this.end(error instanceof ProtoBaseError ? lossFrom(error) : { why: String(error) }) })
    })
  }

  async #greet (): Promise<void> {
    const { transport, session, tokens } = this.#options
    const token = await tokens.get()
    if (this.#over) return
    await transport.open()
    transport.send(session.hello(token))
  }

  /** Send what there is to send. */
  flush (): void {
    if (this.#began === undefined) return
    this.#guarded(() => {
      for (const frame of this.#options.session.outgoing()) this.#options.transport.send(frame)
    })
  }

  end (loss: Loss): void {
    this.#end(loss)
  }

  #received (frame: Uint8Array): void {
    const { session, act } = this.#options
    this.#heard = true
    if (this.#began === undefined) this.#begin(frame)
    else session.receive(frame)
    act()
  }

  #begin (frame: Uint8Array): void {
    const { session, clock, welcomed } = this.#options
    session.welcomed(frame)
    this.#began = clock.now()
    this.#listen()
    welcomed()
  }

  /**
   * After two silences in a row, the second one in spite of a ping, the connection is dead. While the network takes what
   * was sent there is none, since a ping waits behind it; of parts of a long answer nothing here is told.
   */
  #listen (): void {
    const { transport, session, clock, silence, act } = this.#options
    const seconds = silence(this.#heartbeat ??= session.limits?.heartbeatSeconds ?? 20)
    const { unsent } = transport
    this.#stopTimer()
    this.#stopTimer = clock.after(seconds, () => {
      this.#heard ||= transport.unsent < unsent
      if (!this.#heard && this.#silent) return this.end(NO_ANSWER)
      this.#silent = !this.#heard
      if (this.#silent) session.ping()
      this.#heard = false
      this.#listen()
      act()
    })
  }

  #heartbeat: number | undefined

  /** What the server said may be no protocol: that ends the conversation. */
  #guarded (work: () => void): void {
    try {
      work()
    } catch (error) {
      this.end(lossFrom(error instanceof ProtoBaseError ? error : new ProtocolError(`the client failed: ${String(error)}`)))
    }
  }
}
