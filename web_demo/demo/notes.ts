import { Editor } from '@tiptap/core'
import { Collaboration } from '@tiptap/extension-collaboration'
import { CollaborationCaret } from '@tiptap/extension-collaboration-caret'
import { StarterKit } from '@tiptap/starter-kit'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { plainColor } from './color.js'
import type { Member } from './data.js'
import { h } from './element.js'
import type { Session } from './session.js'
import { toolbar } from './toolbar.js'
import type { Sight, Writes } from './writes.js'

export type Person = Pick<Member, 'name' | 'color'>

/**
 * The shared document: TipTap over the stock Yjs provider, which knows nothing of this product.
 *
 * The provider has one address; where that goes is decided by the person's session.
 */
export class Notes {
  readonly element: HTMLElement
  readonly #doc = new Y.Doc()
  readonly #provider: WebsocketProvider

  constructor (private readonly session: Session, private readonly person: Person, room: string) {
    // The panes of one page are to hear of each other through the nodes alone, not by a channel of the browser.
    const options = { connect: false, disableBc: true, params: { token: person.name } }
    this.#provider = new WebsocketProvider(session.url ?? '', room, this.#doc, options)
    const place = h('div', { class: 'paper' })
    const editor = this.#editor(place)
    const emptiness = (): void => { place.classList.toggle('empty', editor.isEmpty) }
    editor.on('transaction', emptiness)
    emptiness()
    this.element = h('section', { class: 'notes', 'aria-label': 'Shared document' },
      h('header', {}, h('h3', {}, 'Document'), toolbar(editor)), place)
    session.onNode(() => { this.#follow() })
  }

  /** How far this document has seen what a Yjs client wrote. */
  clock (client: number): number {
    return Y.getState(this.#doc.store, client)
  }

  /** Have what is written here looked for in the other panes. */
  measure (own: Sight, writes: Writes): void {
    this.#doc.on('afterTransaction', ({ local, afterState, beforeState }: Y.Transaction) => {
      const client = this.#doc.clientID
      const clock = afterState.get(client) ?? 0
      if (!local) writes.look(own)
      else if (clock > (beforeState.get(client) ?? 0)) writes.made(own, there => there.clock(client) >= clock)
    })
  }

  #editor (element: HTMLElement): Editor {
    const { name, color } = this.person
    return new Editor({
      element,
      extensions: [
        StarterKit.configure({ undoRedo: false, link: { openOnClick: false } }),
        Collaboration.configure({ document: this.#doc }),
        CollaborationCaret.configure({ provider: this.#provider, user: { name, color }, render: caret })
      ],
      editorProps: { attributes: { role: 'textbox', 'aria-multiline': 'true', 'aria-label': `Shared document, as ${name}` } }
    })
  }

  /** Connect where the session is, and nowhere while that looks for a node. */
  #follow (): void {
    const { url } = this.session
    this.#provider.disconnect()
    if (url === undefined) return
    this.#provider.serverUrl = `${url}/yjs`
    this.#provider.connect()
  }
}

function caret ({ name, color }: Record<string, string>): HTMLElement {
  return h('span', { class: 'caret', style: `--person: ${plainColor(color)}` }, h('span', { class: 'caret-name' }, name ?? ''))
}
