// One Yjs client of a history: a document, and what it has to send and was sent.
//
// What it makes waits in `outbox` until a step of the history sends it, what it is sent waits in `inbox` until
// a step takes it. An update that is withheld waits in `held`, or is in `lost` when it is never sent.

import * as Y from 'yjs'
import { edit, roots } from './edits.mjs'
import { Socket } from './socket.mjs'

const SERVER = 'server'
const PEER = 'peer'

const ANSWER_SECONDS = 30

const COME_AGAIN = 1013
const MAX_ATTEMPTS = 20

export class Client {
  constructor (id, url, given) {
    this.url = url
    this.given = given // all updates of the history that were ever sent to the server
    this.doc = new Y.Doc()
    this.doc.clientID = id
    this.undo = new Y.UndoManager(roots(this.doc), { captureTimeout: 0 })
    this.made = []
    this.sent = []
    this.outbox = []
    this.held = []
    this.lost = []
    this.inbox = []
    this.fromPeers = []
    this.socket = null
    this.doc.on('update', (update, origin) => {
      if (origin === SERVER) return
      this.made.push(update)
      this.outbox.push(update)
    })
  }

  get online () {
    return this.socket !== null
  }

  // How often the server asked with one and the same state vector.
  get asked () {
    return Math.max(0, ...this.socket?.asked.values() ?? [])
  }

  edit (name, random, features) {
    edit(this.doc, name, random, features)
  }

  // As a provider does: it asks for what it lacks, and answers with what it has.
  async connect () {
    if (this.online) return
    this.sent.push(...this.outbox.splice(0))
    await untilWelcome(async () => {
      const taking = { answer: state => this.answer(state), take: update => this.inbox.push(update) }
      this.socket = await new Socket(this.url, taking).open()
      await this.barrier()
      await within(this.socket.greeting, 'sync step 1')
    })
  }

  async disconnect (goodbye) {
    const socket = this.socket
    this.socket = null
    if (socket) await socket.close(goodbye)
  }

  // The server has taken everything sent before, and has shown what it had.
  async barrier () {
    if (!this.socket) return
    await within(this.socket.ask(Y.encodeStateVector(this.doc)), 'an answer to sync step 1')
  }

  // Sends the updates, which are those of `outbox` in the form in which they travel.
  send (updates, step) {
    for (const update of updates) {
      this.given.push(update)
      this.socket?.update(update, step)
    }
  }

  // Takes what came, the way that `order` puts it.
  receive (order = updates => updates) {
    for (const update of order(this.inbox.splice(0))) Y.applyUpdate(this.doc, update, SERVER)
  }

  // Takes updates that came another way than through the server.
  fromPeer (updates) {
    this.fromPeers.push(...updates)
    for (const update of updates) Y.applyUpdate(this.doc, update, PEER)
  }

  // What somebody with this state lacks. It tells nothing that has not been sent: what is withheld stays so.
  answer (state) {
    const all = !(this.held.length || this.lost.length || this.outbox.length)
    const sent = () => this.sent.length ? Y.diffUpdate(Y.mergeUpdates(this.sent), state) : new Uint8Array([0, 0])
    const update = all ? Y.encodeStateAsUpdate(this.doc, state) : sent()
    this.given.push(update)
    return update
  }

  // Everything that this client has of its own, beside what the server gave it.
  get own () {
    return [...this.made, ...this.fromPeers]
  }
}

// A server may say 'come again' to somebody who comes while it unloads the collection.
export async function untilWelcome (join) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await join()
    } catch (error) {
      if (error.code !== COME_AGAIN || attempt === MAX_ATTEMPTS) throw error
    }
  }
}

async function within (promise, what) {
  let timer
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ANSWER_SECONDS} s: ${what}`)), ANSWER_SECONDS * 1000)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
