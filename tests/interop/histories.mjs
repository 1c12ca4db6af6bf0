// Runs histories of Yjs clients against a server (see histories/history.mjs), many at once, each in a
// collection of its own. One JSON request a line on stdin, one JSON answer a line on stdout, one at a time:
//
//   {id, do: 'run', url, pid, histories}  runs them until they have ended, or until all that go on want the
//                                         server killed, which is done; answers {killed, failed: {name: why}}
//   {id, do: 'go', pid}                   the same, after the server was started again
//   {id, do: 'fresh', name}               a fresh client joins the collection of a history
//   {id, do: 'plain', name}               answers {content, state}: the values and the state vector of the document
//   {id, do: 'check', name, who, updates, form}   compares the document that these updates make
//   {id, do: 'forget'}                    lets go of all histories
//
// Where something differs, the answer of 'fresh' and 'check' says what; it is null where nothing does.

import { createInterface } from 'node:readline'
import { History } from './histories/history.mjs'

const KILL_AFTER_MS = [0, 1, 4, 2]
// How long after the last updates a server is killed: before, while and after it takes them.

// Brings the histories of a batch together wherever they want the server killed.
class Kills {
  constructor () {
    this.count = 0
    this.changed = () => {}
  }

  start (pid, running) {
    this.pid = pid
    this.running = running
    this.arrived = []
    this.returning = new Promise(resolve => { this.goOn = resolve })
    return new Promise(resolve => { this.changed = resolve })
  }

  meet () {
    const everybody = new Promise(resolve => this.arrived.push(resolve))
    this.look()
    return everybody
  }

  left () {
    this.running--
    this.look()
  }

  restarted () {
    return this.returning
  }

  look () {
    if (this.arrived.length < this.running) return
    if (!this.running) return this.changed({ killed: false })
    for (const resolve of this.arrived) resolve()
    setTimeout(() => {
      try { process.kill(this.pid, 'SIGKILL') } catch {} // it has ended by itself, which all will tell
      this.changed({ killed: true })
    }, KILL_AFTER_MS[this.count++ % KILL_AFTER_MS.length])
  }
}

let histories = new Map()
let failed = {}
let kills = new Kills()

async function run (history) {
  try {
    await history.run(kills)
  } catch (error) {
    failed[history.name] = told(error)
  }
  await history.end().catch(() => {})
  kills.left()
}

const told = error => process.env.HISTORIES_STACK ? error.stack : error.message

const actions = {
  async run ({ url, pid, histories: given }) {
    failed = {}
    kills = new Kills()
    histories = new Map(given.map(one => [one.name, new History(one, url)]))
    const stopped = kills.start(pid, histories.size)
    histories.forEach(run)
    return { ...await stopped, failed }
  },

  async go ({ pid }) {
    const goOn = kills.goOn
    const stopped = kills.start(pid, kills.running)
    goOn()
    return { ...await stopped, failed }
  },

  fresh: ({ name }) => problem(() => histories.get(name).joinAfresh()),
  check: ({ name, who, updates, form }) => problem(() => histories.get(name).check(who, updates, form)),
  plain: ({ name }) => histories.get(name).plain(),
  forget: () => histories.clear()
}

async function problem (act) {
  try {
    await act()
    return null
  } catch (error) {
    return told(error)
  }
}

const decode = (_, value) =>
  typeof value?.bytes === 'string' ? new Uint8Array(Buffer.from(value.bytes, 'base64')) : value

async function answer (line) {
  const request = JSON.parse(line, decode)
  try {
    console.log(JSON.stringify({ id: request.id, value: await actions[request.do](request) ?? null }))
  } catch (error) {
    console.log(JSON.stringify({ id: request.id, error: String(error?.stack ?? error) }))
  }
}

createInterface({ input: process.stdin }).on('line', answer).on('close', () => process.exit())
