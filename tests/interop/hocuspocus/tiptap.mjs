// A page with TipTap as its documentation has it (Hocuspocus, Provider, Examples), but for the URL and the user.
//
//   {do: 'open', client, url, room, options: {user}}
//
// The code sees editor, provider, doc and carets (the names at the carets of others).

import '../editors/dom.mjs'
import { Editor } from '@tiptap/core'
import Collaboration from '@tiptap/extension-collaboration'
import CollaborationCaret from '@tiptap/extension-collaboration-caret'
import { StarterKit } from '@tiptap/starter-kit'
import { HocuspocusProvider } from 'hp4'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { serve } from '../requests.mjs'

globalThis.WebSocket = WebSocket // of a browser

serve(({ url, room, options: { user } }, happened) => {
  const element = document.body.appendChild(document.createElement('div'))

  const ydoc = new Y.Doc()

  const provider = new HocuspocusProvider({
    url,
    name: room,
    document: ydoc
  })

  const editor = new Editor({
    element,
    extensions: [
      StarterKit.configure({ undoRedo: false }),
      Collaboration.configure({ document: ydoc }),
      CollaborationCaret.configure({ provider, user: { name: user, color: '#ffcc00' } })
    ]
  })

  for (const event of ['synced', 'unsyncedChanges', 'awarenessUpdate']) provider.on(event, happened)
  editor.on('transaction', happened)
  const carets = () =>
    [...element.querySelectorAll('.collaboration-carets__label')].map(label => label.textContent).sort()
  return { doc: ydoc, provider, editor, carets, Y }
})
