// Stock providers of Hocuspocus and y-websocket, driven by a test (see ../requests.mjs).
//
//   {do: 'open', client, url, room, options: {provider, socket, ...}}
//                a new document with the provider of PROVIDERS.mjs; those that name the same `socket` share one.
//                Other options are the provider's.
//
// The code sees doc, provider, awareness, told (what the provider has emitted, as [event, detail]), socket, Y, and
// drop (which cuts the connection without a word).

import { readFileSync } from 'node:fs'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { serve } from '../requests.mjs'

const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url)))
const sockets = new Map()

serve(async ({ url, room, options: { provider: kind, ...options } }, happened) => {
  const library = await import(kind)
  const doc = new Y.Doc()
  const told = []
  const open = dependencies[kind].includes('hocuspocus') ? openHocuspocus : openYWebsocket
  const { provider, socket, events, drop } = open(library, { url, room, doc, kind, ...options })
  for (const [event, detail] of Object.entries(events)) {
    provider.on(event, (...given) => {
      told.push([event, detail(...given) ?? null])
      happened()
    })
  }
  doc.on('update', happened)
  provider.awareness?.on('update', happened)
  return { doc, provider, socket, awareness: provider.awareness, told, drop, Y }
})

function openYWebsocket ({ WebsocketProvider }, { url, room, doc, kind, socket, ...options }) {
  const provider = new WebsocketProvider(url, room, doc, {
    WebSocketPolyfill: WebSocket,
    disableBc: true, // the clients of one process are to meet on the server only
    maxBackoffTime: 100,
    ...options
  })
  const events = {
    status: ({ status }) => status,
    sync: synced => synced,
    'connection-close': event => event?.code
  }
  return { provider, events, socket: provider, drop: () => provider.ws._socket.destroy() }
}

function openHocuspocus (library, { url, room, doc, kind, socket: name, ...options }) {
  const socket = sockets.get(name) ?? new library.HocuspocusProviderWebsocket({
    url,
    WebSocketPolyfill: WebSocket,
    delay: 50,
    minDelay: 50,
    maxDelay: 100
  })
  if (name) sockets.set(name, socket)
  const provider = new library.HocuspocusProvider({
    websocketProvider: socket,
    name: room,
    document: doc,
    broadcast: false,
    ...options
  })
  provider.attach?.() // version 2 does by itself
  const events = {
    status: ({ status }) => status,
    synced: ({ state }) => state,
    authenticated: given => given?.scope,
    authenticationFailed: ({ reason }) => reason,
    unsyncedChanges: given => given?.number ?? given,
    close: ({ event }) => [event.code, event.reason],
    stateless: ({ payload }) => payload
  }
  return { provider, socket, events, drop: () => socket.webSocket._socket.destroy() }
}
