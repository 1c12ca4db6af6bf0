// Stock providers of Hocuspocus, y-websocket, y-sweet and PartyServer, driven by a test (see ../requests.mjs).
//
//   {do: 'open', client, url, room, options: {provider, socket, ...}}
//                a new document with a provider of KINDS; those that name the same `socket` share one.
//                Other options are the provider's.
//
// The code sees doc, provider, awareness, told (what the provider has emitted, as [event, detail]), socket (which can
// connect and disconnect) and Y.

import WebSocket from 'ws'
import * as Y from 'yjs'
import { serve } from '../requests.mjs'

const sockets = new Map()

serve(async ({ url, room, options: { provider: kind, ...options } }, happened) => {
  const { module, open } = KINDS[kind]
  const doc = new Y.Doc()
  const told = []
  const { provider, socket, events } = open(await import(module), { url, room, doc, ...options })
  for (const [event, detail] of Object.entries(events)) {
    provider.on(event, (...given) => {
      told.push([event, detail(...given) ?? null])
      happened()
    })
  }
  doc.on('update', happened)
  provider.awareness?.on('update', happened)
  return { doc, provider, socket, awareness: provider.awareness, told, Y }
})

const EVENTS = {
  status: ({ status }) => status,
  sync: synced => synced,
  'connection-close': event => event?.code
}

function openYWebsocket ({ WebsocketProvider }, { url, room, doc, ...options }) {
  const provider = new WebsocketProvider(url, room, doc, {
    WebSocketPolyfill: WebSocket,
    disableBc: true, // the clients of one process are to meet on the server only
    maxBackoffTime: 100,
    ...options
  })
  return { provider, events: EVENTS, socket: provider }
}

function openHocuspocus (library, { url, room, doc, socket: name, ...options }) {
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
  return { provider, socket, events }
}

function openYSweet ({ createYjsProvider }, { url, room, doc, params, ...options }) {
  const clientToken = { url, docId: room, token: params?.token }
  const provider = createYjsProvider(doc, room, async () => clientToken, {
    WebSocketPolyfill: WebSocket,
    showDebuggerLink: false,
    ...options
  })
  const events = { 'connection-status': status => status, 'local-changes': has => has }
  return { provider, events, socket: provider }
}

function openPartyServer ({ default: YProvider }, { url, room, doc, ...options }) {
  const { host, pathname } = new URL(url)
  const provider = new YProvider(host, room, doc, {
    prefix: `${pathname}/${room}`,
    WebSocketPolyfill: WebSocket,
    disableBc: true,
    maxBackoffTime: 100,
    ...options
  })
  return { provider, events: EVENTS, socket: provider }
}

const KINDS = {
  hp2: { module: 'hp2', open: openHocuspocus },
  hp3: { module: 'hp3', open: openHocuspocus },
  hp4: { module: 'hp4', open: openHocuspocus },
  yw15: { module: 'yw15', open: openYWebsocket },
  yw21: { module: 'yw21', open: openYWebsocket },
  yw30: { module: 'yw30', open: openYWebsocket },
  yw31: { module: 'yw31', open: openYWebsocket },
  'y-sweet': { module: 'ysweet', open: openYSweet },
  'y-partyserver': { module: 'y-partyserver/provider', open: openPartyServer }
}
