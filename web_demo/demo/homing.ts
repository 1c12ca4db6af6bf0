import type { Dial, Transport } from '../client/src/index.js'
import { webSocketDial } from '../client/src/transport.js'

const ANSWER_BYTES = 4 * 1024 * 1024

/**
 * Dials as any client does, so that a client that has lost its node goes to another one by itself; and can send it home
 * again: then the connection ends, and the next one is to home alone.
 */
export class Homing {
  #only: string | undefined
  #current: Transport | undefined
  readonly #dial = webSocketDial(undefined, ANSWER_BYTES)

  /** `home` is the address of a live door, as the client writes it. */
  constructor (private readonly home: string) {}

  readonly dial: Dial = url => {
    if (this.#only !== undefined && url !== this.#only) return new Refused(`on its way to ${this.#only}`)
    this.#only = undefined
    return this.#current = this.#dial(url)
  }

  goHome (): void {
    this.#only = this.home
    this.#current?.onclose({ why: 'its own node is back' })
  }
}

/** A connection that does not come about. */
class Refused implements Transport {
  onmessage: Transport['onmessage'] = () => {}
  onclose: Transport['onclose'] = () => {}

  constructor (private readonly why: string) {}

  open (): Promise<void> {
    queueMicrotask(() => { this.onclose({ why: this.why }) })
    return new Promise(() => {})
  }

  send (): void {}
  close (): void {}
}
