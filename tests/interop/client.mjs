// Unmodified Yjs clients, driven by a test (see requests.mjs).
//
//   {do: 'open', client, url, room, options}    a provider for a new document
//
// The code sees doc, provider, awareness, closes (the close codes so far, in order) and Y.

import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { serve } from './requests.mjs'

serve(({ url, room, options }, happened) => {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(url, room, doc, {
    WebSocketPolyfill: WebSocket,
    disableBc: true, // the clients of one process are to meet on the server only
    maxBackoffTime: 100,
    ...options
  })
  const closes = []
  provider.on('connection-close', event => closes.push(event && event.code))
  for (const name of ['status', 'sync', 'connection-close', 'closed']) provider.on(name, happened)
  doc.on('update', happened)
  provider.awareness.on('update', happened)
  return { doc, provider, awareness: provider.awareness, closes, Y }
})
