import { ProtocolError, Unavailable, ValidationError, type ProtoBaseError } from './errors.js'
import { SUBPROTOCOL } from './protocol/requests.js'

/** Why a connection is over; `error` is set where a further one would fare the same. */
export interface Loss { readonly why: string, readonly error?: ProtoBaseError, readonly code?: number }

/** One connection, which carries frames of MessagePack in both directions, in order. */
export interface Transport {
  /** Is told each frame that comes. */
  onmessage: (frame: Uint8Array) => void
  /** Is told once why it is over, also when it could not be opened; not after `close`. */
  onclose: (loss: Loss) => void
  /** Begin; resolves when frames may be sent. Nothing happens before, and `onclose` hears of failures. */
  open (): Promise<void>
  send (frame: Uint8Array): void
  /** Bytes that were sent and are still here: they become fewer while the network takes them. */
  readonly unsent: number
  /** Harmless when it is closed. */
  close (): void
}

/** Makes a connection to an address, which is not opened yet. */
export type Dial = (url: string) => Transport

/** The part of the browsers' `WebSocket` that is used; that of the npm package `ws` has it, too. */
export interface Socket {
  binaryType: string
  onopen: ((event: any) => void) | null
  onmessage: ((event: any) => void) | null
  onclose: ((event: any) => void) | null
  onerror: ((event: any) => void) | null
  readonly protocol: string
  readonly bufferedAmount: number
  send (data: Uint8Array<ArrayBuffer>): void
  close (code?: number, reason?: string): void
}
export type SocketClass = new (url: string, protocols: string) => Socket

/** What dials by WebSocket. Raises ValidationError where there is none. */
export function webSocketDial (given: SocketClass | undefined, answerBytes: number): Dial {
  const socketClass = given ?? (globalThis as { WebSocket?: SocketClass }).WebSocket
  if (socketClass === undefined) {
    throw new ValidationError("there is no WebSocket here: before Node 22, connect(url, { webSocket: WebSocket }) with that of 'ws'")
  }
  return url => new WebSocketTransport(url, socketClass, answerBytes)
}

class WebSocketTransport implements Transport {
  onmessage: (frame: Uint8Array) => void = () => {}
  onclose: (loss: Loss) => void = () => {}
  #socket: Socket | undefined

  constructor (private readonly url: string, private readonly socketClass: SocketClass, private readonly answerBytes: number) {}

  open (): Promise<void> {
    return new Promise(resolve => {
      const socket = this.#socket = new this.socketClass(this.url, SUBPROTOCOL)
      socket.binaryType = 'arraybuffer'
      socket.onopen = () => {
        if (socket.protocol === SUBPROTOCOL) resolve()
        else this.#lose({ why: 'no subprotocol', error: new ProtocolError(`the server does not speak ${SUBPROTOCOL}`) })
      }
      socket.onmessage = (event: { data: unknown }) => { this.#received(event.data) }
      socket.onclose = (event: { code: number, reason: string }) => { this.#lose(lossOf(event.code, event.reason)) }
      socket.onerror = () => {} // a close follows, which says more
    })
  }

  send (frame: Uint8Array): void {
    this.#socket?.send(frame as Uint8Array<ArrayBuffer>)
  }

  get unsent (): number {
    return this.#socket?.bufferedAmount ?? 0
  }

  close (): void {
    const socket = this.#socket
    this.#socket = undefined
    if (socket === undefined) return
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close(1000)
  }

  #received (data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return this.#lose({ why: 'a text frame', error: new ProtocolError('a text frame; there are binary ones only') })
    if (data.byteLength <= this.answerBytes) return this.onmessage(new Uint8Array(data))
    const error = new ProtocolError(`a message of ${data.byteLength} bytes; at most ${this.answerBytes} are taken (answerBytes)`)
    this.#lose({ why: error.message, error })
  }

  #lose (loss: Loss): void {
    if (this.#socket === undefined) return
    this.close()
    this.onclose(loss)
  }
}

function lossOf (code: number, reason: string): Loss {
  return { code, why: reason === '' ? `the connection was closed with ${code}` : reason }
}

/** The loss that an error is. */
export function lossFrom (error: ProtoBaseError): Loss {
  return error.retryable ? { why: error.message } : { why: error.message, error }
}

/** Nothing came in time. */
export const NO_ANSWER: Loss = lossFrom(new Unavailable('no answer'))
