// Unmodified editors, each on a Yjs document with a provider, driven by a test (see ../requests.mjs).
//
//   {do: 'open', client, url, room, options: {editor, seed, connect}}
//                the editor of EDITOR.mjs, its edits drawn from the seed; without one the document alone
//
// EDITOR.mjs exports `open(doc, provider, random)`, which answers a function for one random edit by the editor's own
// means; `content(doc)`, what the document holds; and `WebsocketProvider`, if not the newest.
// What `open` answers may have the editor's ProseMirror `view`, and `last`, what the editor wants at a document's end.
// The code sees doc, provider, edit, dump (of the document or of another, see dump.mjs), view, randomJSON, selectAll and Y.

import './dom.mjs'
import { AllSelection } from 'prosemirror-state'
import WebSocket from 'ws'
import { WebsocketProvider } from 'yw31'
import * as Y from 'yjs'
import { serve } from '../requests.mjs'
import { dump } from './dump.mjs'
import { Random } from './random.mjs'
import { randomDocument } from './random_document.mjs'

serve(async ({ url, room, options: { editor, seed, connect } }, happened) => {
  const { open, content, WebsocketProvider: Provider = WebsocketProvider } = await import(`./${editor}.mjs`)
  const doc = new Y.Doc()
  const random = seed === null ? null : new Random(seed)
  if (random) doc.clientID = random.below(2 ** 32)
  const provider = new Provider(url, room, doc, {
    WebSocketPolyfill: WebSocket,
    connect,
    disableBc: true, // the clients of one process are to meet on the server only
    maxBackoffTime: 100
  })
  for (const name of ['status', 'sync']) provider.on(name, happened)
  doc.on('update', happened)
  const names = { doc, provider, dump: (of = doc) => dump(of, content(of)), Y }
  if (!random) return names
  const edit = open(doc, provider, random)
  const { view, last } = edit
  const randomJSON = () => randomDocument(view.state.schema, random, last)
  const selectAll = () => view.dispatch(view.state.tr.setSelection(new AllSelection(view.state.doc)))
  return { ...names, edit, view, randomJSON, selectAll }
})
