// A client of the live protocol written from docs/protocol.md, with nothing but a WebSocket and JSON.
// Does what the lines of its standard input say, and answers each with a line of JSON.
import { createInterface } from 'node:readline'
import WebSocket from 'ws'

const SUBPROTOCOL = 'protobase-live.v1.json'
const VIEW = 1000

class Client {
  constructor (url) {
    this.url = url
    this.lastId = 0
    this.waiting = new Map()
    this.rows = []
    this.cursor = null
    this.news = []
    this.listener = null
  }

  connect () {
    this.parts = []
    this.socket = new WebSocket(this.url, SUBPROTOCOL)
    this.socket.on('message', data => this.receive(JSON.parse(data)))
    this.socket.on('open', () => this.send({ type: 'hello', version: 1, token: null, client: 'interop' }))
    return new Promise(resolve => { this.welcomed = resolve })
  }

  disconnect () {
    return new Promise(resolve => {
      this.socket.on('close', resolve)
      this.socket.terminate()
    })
  }

  send (message) {
    this.socket.send(JSON.stringify(message))
  }

  request (message) {
    this.send(message)
    return new Promise((resolve, reject) => this.waiting.set(message.id, { resolve, reject }))
  }

  query (query) {
    return this.request({ type: 'query', id: ++this.lastId, query, explain: false })
  }

  watch (query) {
    return this.request({ type: 'watch', id: VIEW, query, since: this.cursor })
  }

  receive (message) {
    switch (message.type) {
      case 'welcome': return this.welcomed(message.limits)
      case 'result': return this.answered(message.id).resolve(message.value)
      case 'error': return this.answered(message.id).reject(new Error(`${message.code}: ${message.message}`))
      case 'difference': return this.differed(message)
    }
  }

  answered (id) {
    const call = this.waiting.get(id)
    this.waiting.delete(id)
    return call
  }

  differed ({ cursor, reset, more, changes }) {
    this.parts.push(...changes)
    if (more) return
    const whole = this.parts
    this.parts = []
    if (reset) this.rows = []
    for (const change of whole) this.apply(...change)
    this.cursor = cursor
    this.news.push({ reset, kinds: [...new Set(whole.map(change => change[0]))], rows: [...this.rows] })
    this.listener?.()
  }

  apply (kind, at, ...rest) {
    switch (kind) {
      case 'insert': return this.rows.splice(at, 0, rest[0])
      case 'update': return this.rows.splice(at, 1, rest[0])
      case 'delete': return this.rows.splice(at, 1)
      case 'move':
        this.rows.splice(at, 1)
        return this.rows.splice(rest[0], 0, rest[1])
    }
  }

  async difference () {
    while (!this.news.length) await new Promise(resolve => { this.listener = resolve })
    return this.news.shift()
  }
}

const client = new Client(process.argv[2])
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, ...args] = JSON.parse(line)
  try {
    console.log(JSON.stringify(await client[verb](...args) ?? null))
  } catch (error) {
    console.log(JSON.stringify(String(error.message)))
  }
}
client.socket.terminate()
