// One history: some clients of one collection, and what happens to them, step by step.
//
//   ['edit', client, name, seed]   changes its document            ['undo', client]   ['redo', client]
//   ['send', client, seed]         sends what it made; the seed says how: merged, twice, in what order, not all
//   ['release', client]            what was withheld is made ready to be sent
//   ['lose', client]               what is withheld is never sent
//   ['receive', client, seed]      takes what everybody has sent; the seed says in what order
//   ['peer', from, to, seed]       gives updates to another client past the server
//   ['offline', client, seed]      ends its connection           ['online', client]   opens a new one
//   ['kill']                       sends everything and kills the server at once
//
// Seeds stand for choices among what is there, so that a history is one with any of its steps left out.

import * as Y from 'yjs'
import { Client, untilWelcome } from './client.mjs'
import { Random } from './random.mjs'
import { difference, documentOf, exact, plain } from './state.mjs'
import { Socket } from './socket.mjs'

const MAX_ROUNDS = 12
// After what comes from others, a client may tidy the marks of its texts, which the others are sent in turn.

const MAX_ASKED = 4
// How often a server may ask one connection what it lacks while it lacks the same; the first time is a greeting.

const REGISTRY = 'structures'
// The root in which the server keeps what it knows of the others.

const [UPDATE, STEP2] = [2, 1]

export class History {
  // `before` are updates that the collection has already.
  constructor ({ name, clients, features, steps, before = [] }, url) {
    this.name = name
    this.features = new Set(features)
    this.steps = steps
    this.url = `${url}/${name}`
    this.given = [...before]
    this.clients = Array.from({ length: clients }, (_, at) => new Client(at + 1, this.url, this.given))
  }

  // Goes through all steps, then lets everybody see everything. Throws what is wrong.
  async run (kills) {
    await this.every(client => client.connect())
    for (const [action, ...args] of this.steps) {
      if (action === 'kill') await this.kill(kills)
      else await ACTIONS[action](this, ...args.map((arg, at) => this.argument(action, at, arg)))
    }
    await this.settle()
    for (const client of this.clients) {
      const expected = documentOf([...this.given, ...client.own])
      complain(`client ${client.doc.clientID}`, difference(exact(client.doc), exact(expected)))
    }
  }

  // A client that joins now has what was sent, as far as its predecessors were. Throws where it has not.
  async joinAfresh () {
    const taken = await untilWelcome(async () => {
      const came = []
      const nothing = () => new Uint8Array([0, 0])
      const socket = await new Socket(this.url, { answer: nothing, take: update => came.push(update) }).open()
      await socket.ask(new Uint8Array([0]))
      await socket.close(true)
      return came
    })
    this.check('a fresh client', taken, 'exact', false)
  }

  // Throws if these updates make another document than those that were sent, or, if they are to be complete, make
  // no whole one.
  check (who, updates, form = 'exact', complete = true) {
    const made = documentOf(updates)
    const { pendingStructs, pendingDs } = made.store
    if (complete && (pendingStructs || pendingDs)) throw new Error(`${who} has things without what they build on`)
    if (form === 'exact') {
      complain(who, difference(exact(made), exact(this.document())))
    } else {
      complain(who, difference({ ...plain(made), [REGISTRY]: undefined }, plain(this.document())))
    }
  }

  plain () {
    return { content: plain(this.document()), state: exact(this.document()).state }
  }

  document () {
    return this.reference ??= documentOf(this.given)
  }

  argument (action, at, arg) {
    const clients = action === 'peer' ? 2 : 1
    if (at < clients) return this.clients[arg]
    return typeof arg === 'number' ? new Random(arg) : arg
  }

  async every (act) {
    await Promise.all(this.clients.map(act))
  }

  // Everybody is shown what everybody has sent.
  async barrier () {
    await this.every(client => client.barrier())
    await this.every(client => client.barrier())
    if (!this.features.has('asks')) return
    const times = Math.max(...this.clients.map(client => client.asked))
    if (times > MAX_ASKED) throw new Error(`the server asked ${times} times what it lacks, with one state vector`)
  }

  async kill (kills) {
    await kills.meet()
    const online = this.clients.filter(client => client.online)
    for (const client of online) send(client)
    await kills.restarted()
    for (const client of online) await client.disconnect(false)
    await Promise.all(online.map(client => client.connect()))
  }

  async settle () {
    await this.every(client => client.connect())
    for (const client of this.clients) client.outbox.unshift(...client.held.splice(0))
    for (let round = 0; round < MAX_ROUNDS; round++) {
      this.clients.forEach(client => send(client))
      await this.barrier()
      this.clients.forEach(client => client.receive())
      if (!this.clients.some(client => client.outbox.length)) return
    }
    throw new Error(`clients have something to say after ${MAX_ROUNDS} rounds`)
  }

  async end () {
    await this.every(client => client.disconnect(true))
  }
}

const ACTIONS = {
  edit: ({ features }, client, name, random) => client.edit(name, random, features),
  undo: (history, client) => client.undo.undo(),
  redo: (history, client) => client.undo.redo(),
  send: ({ features }, client, random) => client.online && send(client, random, features),
  release: (history, client) => client.outbox.push(...client.held.splice(0)),
  lose: (history, client) => client.lost.push(...client.held.splice(0)),
  online: (history, client) => client.connect(),
  offline: (history, client, random) => client.disconnect(random.oneIn(2)),

  async receive (history, client, random) {
    await history.barrier()
    client.receive(updates => arranged(updates, random, history.features))
  },

  peer ({ features }, from, to, random) {
    if (from === to) return
    const some = features.has('gaps') ? from.made.filter(() => random.oneIn(2)) : from.made
    to.fromPeer(arranged(some, random, features))
  }
}

// Sends what a client made, all of it and as it is when nothing is random.
function send (client, random, features = new Set()) {
  const ready = client.outbox.splice(0)
  if (features.has('gaps') && ready.length && random.oneIn(3)) {
    client.held.push(...ready.splice(random.below(ready.length), 1))
  }
  const before = client.sent.length
  client.sent.push(...ready)
  if (features.has('duplicated') && before && random.oneIn(4)) ready.push(random.pick(client.sent.slice(0, before)))
  const travelling = random ? arranged(ready, random, features) : ready
  client.send(travelling, random?.oneIn(8) ? STEP2 : UPDATE)
}

// Updates as a careless network or store would hand them on.
function arranged (updates, random, features) {
  let arranged = [...updates]
  if (features.has('shuffled') && random.oneIn(2)) arranged = random.shuffled(arranged)
  if (features.has('merged') && arranged.length > 1 && random.oneIn(3)) {
    const from = random.below(arranged.length - 1)
    const some = arranged.splice(from, 2 + random.below(arranged.length - from - 1))
    arranged.splice(from, 0, Y.mergeUpdates(some))
  }
  if (features.has('duplicated') && arranged.length && random.oneIn(3)) arranged.push(random.pick(arranged))
  return arranged
}

function complain (who, told) {
  if (told) throw new Error(`${who}: ${told}`)
}
