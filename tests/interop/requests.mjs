// How a test drives clients in this process: one JSON request a line on stdin, one JSON answer a line on
// stdout, in the order in which the answers are there. Bytes travel as {"bytes": base64}.
//
//   {id, do: 'open', client, ...}            whatever `open` of the process makes of it; answers its client id
//   {id, do: 'run', client, code, args}      runs the code, a function body; answers what it returns
//   {id, do: 'until', client, code, args}    runs it again after each event of the client, until it returns
//                                            something true; answers that

import { createInterface } from 'node:readline'

const AsyncFunction = (async () => {}).constructor
const clients = new Map()

// Answers requests until stdin ends. `open` is given a request and what to call after each event of the client;
// it answers the names that the client's code sees, among them `doc`, beside which there are `same` (whether two
// values have the same JSON form) and `args`.
export function serve (open) {
  const actions = { open: request => openClient(open, request), run: request => compile(request)(), until }
  createInterface({ input: process.stdin }).on('line', line => answer(actions, line)).on('close', () => process.exit())
}

async function openClient (open, request) {
  const client = { waiting: new Set(), soon: null }
  client.names = await open(request, () => { client.soon ??= setImmediate(() => checkAll(client)) })
  clients.set(request.client, client)
  return client.names.doc.clientID
}

function checkAll (client) {
  client.soon = null
  for (const check of client.waiting) check()
}

function compile ({ client, code, args }) {
  const names = { ...clients.get(client).names, same, args }
  const body = new AsyncFunction(...Object.keys(names), code)
  return () => body(...Object.values(names))
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

async function answer (actions, line) {
  const request = JSON.parse(line, decode)
  try {
    const value = await actions[request.do](request)
    console.log(JSON.stringify({ id: request.id, value: value ?? null }, encode))
  } catch (error) {
    console.log(JSON.stringify({ id: request.id, error: String(error?.stack ?? error) }))
  }
}
