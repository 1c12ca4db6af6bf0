import { WebsocketProvider } from 'y-websocket'
import { Doc } from 'yjs'

const doc = new Doc()
const provider = new WebsocketProvider('ws://127.0.0.1:8765/yjs', 'tasks', doc, { params: { token: 'ann' } })
doc.getText('notes').insert(0, 'Hello') // Python reads it: await tasks.text("notes").value()
provider.awareness.setLocalStateField('user', { name: 'ann', color: '#d33' })
