// TipTap as its documentation has it (Hocuspocus, Provider, Examples), but for the URL and the user's name.

import { HocuspocusProvider } from '@hocuspocus/provider'
import { Editor } from '@tiptap/core'
import Collaboration from '@tiptap/extension-collaboration'
import CollaborationCaret from '@tiptap/extension-collaboration-caret'
import { StarterKit } from '@tiptap/starter-kit'
import * as Y from 'yjs'

const asked = new URLSearchParams(location.search)

const ydoc = new Y.Doc()

const provider = new HocuspocusProvider({
  url: asked.get('url'),
  name: 'example-document',
  document: ydoc
})

new Editor({
  element: document.querySelector('.element'),
  extensions: [
    StarterKit.configure({ undoRedo: false }),
    Collaboration.configure({ document: ydoc }),
    CollaborationCaret.configure({
      provider,
      user: { name: asked.get('user'), color: '#ffcc00' }
    })
  ]
})

const saved = document.querySelector('output')
provider.on('unsyncedChanges', () => { saved.textContent = provider.hasUnsyncedChanges ? 'saving' : 'saved' })
provider.on('synced', () => { saved.textContent = provider.hasUnsyncedChanges ? 'saving' : 'saved' })
