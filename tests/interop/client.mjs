// Unmodified Yjs clients, driven by a test: one JSON request a line on stdin, one JSON answer a line on
// stdout, in the order in which the answers are there.
//
//   {id, do: 'open', client, url, room, options}  a provider for a new document; answers its client id
//   {id, do: 'run', client, code, args}           runs the code, a function body; answers what it returns
//   {id, do: 'until', client, code, args}         runs it again after each event of the client, until it
//                                                 returns something true; answers that
//
// The code sees doc, provider, awareness, closes (the close codes so far, in order), same (whether two values
// have the same JSON form), Y and args. Bytes travel as {"bytes": base64}.

import { createInterface } from 'node:readline'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const AsyncFunction = (async () => {}).constructor
const NAMES = ['doc', 'provider', 'awareness', 'closes', 'same', 'Y', 'args']
const clients = new Map()

function open ({ client, url, room, options }) {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(url, room, doc, {
    WebSocketPolyfill: WebSocket,
    disableBc: true, // the clients of one process are to meet on the server only
    maxBackoffTime: 100,
    ...options
  })
  const opened = { doc, provider, awareness: provider.awareness, closes: [], waiting: new Set(), soon: null }
  const happened = () => { opened.soon ??= setImmediate(() => checkAll(opened)) }
  provider.on('connection-close', event => opened.closes.push(event && event.code))
  for (const name of ['status', 'sync', 'connection-close', 'closed']) provider.on(name, happened)
  doc.on('update', happened)
  provider.awareness.on('update', happened)
  clients.set(client, opened)
  return doc.clientID
}

function checkAll (client) {
  client.soon = null
  for (const check of client.waiting) check()
}

function compile ({ client, code, args }) {
  const { doc, provider, awareness, closes } = clients.get(client)
  const body = new AsyncFunction(...NAMES, code)
  return () => body(doc, provider, awareness, closes, same, Y, args)
}

function until (request) {
  const run = compile(request)
  const { waiting } = clients.get(request.client)
  return new Promise((resolve, reject) => {
    const check = async () => {
      try {
        const value = await run()
        if (!value) return
        waiting.delete(check)
        resolve(value)
      } catch (error) {
        waiting.delete(check)
        reject(error)
      }
    }
    waiting.add(check)
    check()
  })
}

const encode = (_, value) =>
  value instanceof Uint8Array ? { bytes: Buffer.from(value).toString('base64') } : value
const decode = (_, value) =>
  typeof value?.bytes === 'string' ? new Uint8Array(Buffer.from(value.bytes, 'base64')) : value
const sorted = (_, value) =>
  value?.constructor === Object ? Object.fromEntries(Object.entries(value).sort()) : encode(_, value)
const same = (one, other) => JSON.stringify(one, sorted) === JSON.stringify(other, sorted)

const actions = { open, run: request => compile(request)(), until }

async function answer (line) {
  const request = JSON.parse(line, decode)
  try {
    const value = await actions[request.do](request)
    console.log(JSON.stringify({ id: request.id, value: value ?? null }, encode))
  } catch (error) {
    console.log(JSON.stringify({ id: request.id, error: String(error?.stack ?? error) }))
  }
}

createInterface({ input: process.stdin }).on('line', answer).on('close', () => process.exit())
