// One connection to the Yjs door that speaks the protocol bare: nothing is sent or taken but what it is told to.

import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import WebSocket from 'ws'

const SYNC = 0
const [STEP1, STEP2, UPDATE] = [0, 1, 2]

export class Socket {
  // `answer` makes the update for a state vector that the server asks with; `take` is given each update.
  constructor (url, { answer, take }) {
    this.answer = answer
    this.take = take
    this.asked = new Map() // how often the server asked for what it lacks, by its state vector
    this.closed = null // why, once it is
    this.waiting = [] // those who wait for the next answers, in order
    this.greeting = new Promise(resolve => { this.greeted = resolve })
    this.ws = new WebSocket(url, { perMessageDeflate: false })
    this.ws.binaryType = 'nodebuffer'
    this.ws.on('message', frame => this.message(new Uint8Array(frame)))
    this.ws.on('error', () => {}) // 'close' follows
    this.gone = new Promise(resolve => this.ws.on('close', (code, reason) => resolve(this.end(code, reason))))
  }

  // Resolves when it is open, or is closed before.
  async open () {
    await Promise.race([new Promise(resolve => this.ws.on('open', resolve)), this.gone])
    return this
  }

  update (update, step = UPDATE) {
    this.frame(step, update)
  }

  // Asks for what `state` lacks; resolves when the answer is taken, and with it everything before it.
  ask (state) {
    if (this.closed) return Promise.reject(this.closed)
    const answered = new Promise((resolve, reject) => this.waiting.push({ resolve, reject }))
    this.frame(STEP1, state)
    return answered
  }

  // Resolves when it is closed. What was sent may be lost when it ends without a goodbye.
  async close (goodbye) {
    if (goodbye) this.ws.close()
    else this.ws.terminate()
    await this.gone
  }

  frame (step, bytes) {
    if (this.ws.readyState !== WebSocket.OPEN) return
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, SYNC)
    encoding.writeVarUint(encoder, step)
    encoding.writeVarUint8Array(encoder, bytes)
    this.ws.send(encoding.toUint8Array(encoder))
  }

  message (frame) {
    const decoder = decoding.createDecoder(frame)
    if (decoding.readVarUint(decoder) !== SYNC) return
    const step = decoding.readVarUint(decoder)
    const bytes = decoding.readVarUint8Array(decoder)
    if (step !== STEP1) this.take(bytes)
    if (step === STEP2) this.waiting.shift()?.resolve()
    if (step === STEP1) this.asks(bytes)
  }

  asks (state) {
    const key = state.join()
    this.asked.set(key, (this.asked.get(key) ?? 0) + 1)
    this.update(this.answer(state), STEP2)
    this.greeted()
  }

  end (code, reason) {
    this.closed = Object.assign(new Error(`closed with ${code} ${reason}`), { code })
    for (const { reject } of this.waiting.splice(0)) reject(this.closed)
    this.greeted()
  }
}
