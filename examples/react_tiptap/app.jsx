// The page: an editor that everybody who opens it shares. ?name=ann says who you are.

import Collaboration from '@tiptap/extension-collaboration'
import CollaborationCaret from '@tiptap/extension-collaboration-caret'
import { EditorContent, useEditor } from '@tiptap/react'
import { StarterKit } from '@tiptap/starter-kit'
import { createRoot } from 'react-dom/client'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const asked = new URLSearchParams(location.search)
const name = asked.get('name') ?? 'somebody'
const color = ['#b03a2e', '#1f618d', '#1e8449', '#7d3c98'][Math.floor(Math.random() * 4)]
const server = asked.get('server') ?? 'ws://127.0.0.1:8765/yjs'

const doc = new Y.Doc()
const provider = new WebsocketProvider(server, 'note', doc, { params: { token: name } })

function Note () {
  const editor = useEditor({
    extensions: [
      StarterKit.configure({ undoRedo: false }), // it is the collaboration's: your own changes alone are undone
      Collaboration.configure({ document: doc }),
      CollaborationCaret.configure({ provider, user: { name, color } })
    ]
  })
  return <EditorContent editor={editor} />
}

createRoot(document.getElementById('root')).render(<Note />)
