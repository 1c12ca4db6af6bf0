import { keymap } from '@codemirror/view'
import { basicSetup, EditorView } from 'codemirror'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const { name } = await (await fetch('/me')).json()

/** Puts an editor into a section, on the text of `page` at the doors under `prefix`; gives the document. */
function edit (section, prefix) {
  const ydoc = new Y.Doc()
  const provider = new WebsocketProvider(location.origin.replace(/^http/, 'ws') + prefix + '/yjs', 'page', ydoc)
  const hue = ydoc.clientID % 360
  provider.awareness.setLocalStateField('user', {
    name: name ?? 'somebody',
    color: `hsl(${hue} 70% 40%)`,
    colorLight: `hsl(${hue} 70% 40% / 20%)`
  })
  const view = new EditorView({
    parent: section.querySelector('.editor'),
    extensions: [keymap.of(yUndoManagerKeymap), basicSetup, yCollab(ydoc.getText('text'), provider.awareness)]
  })
  const told = section.querySelector('output')
  provider.on('status', ({ status }) => { told.textContent = status })
  provider.on('closed', ({ reason }) => { // for good: the server says why
    told.textContent = reason
    view.destroy()
  })
  return ydoc
}

const records = edit(document.getElementById('notes'), '/collab').getMap('records')
edit(document.getElementById('scratch'), '/scratch')

records.observeDeep(() => { // what Python has counted
  document.getElementById('words').textContent = `${records.get('count')?.get('words') ?? 0} words`
})
document.getElementById('stamp').onclick = () => fetch('/stamp', { method: 'POST' })

const login = document.getElementById('login')
login.hidden = name !== null
login.onsubmit = async event => {
  event.preventDefault()
  const body = JSON.stringify(Object.fromEntries(new FormData(login)))
  const answer = await fetch('/login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
  if (answer.ok) location.reload()
}
