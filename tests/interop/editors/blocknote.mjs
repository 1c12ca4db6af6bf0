// BlockNote, with its extension for Yjs 13.

import { BlockNoteEditor } from '@blocknote/core'
import { withCollaboration } from '@blocknote/core/yjs'
import { place } from './dom.mjs'

export function open (doc, provider, random) {
  const fragment = doc.getXmlFragment('blocknote')
  const user = { name: 'somebody', color: '#ff0000' }
  const editor = BlockNoteEditor.create(withCollaboration({ collaboration: { fragment, provider, user } }))
  editor.mount(place())

  const block = () => ({
    type: random.pick(['paragraph', 'heading', 'bulletListItem', 'quote', 'checkListItem']),
    content: [{ type: 'text', text: random.word(), styles: random.pick([{}, { bold: true }]) }]
  })
  const insert = at => editor.insertBlocks([block()], at, random.pick(['before', 'after']))
  const changes = [
    insert,
    insert,
    at => editor.updateBlock(at, block()),
    at => editor.updateBlock(at, { props: { textColor: random.pick(['red', 'blue']) } }),
    at => {
      editor.setTextCursorPosition(at, random.pick(['start', 'end']))
      editor.insertInlineContent(random.word())
    },
    at => editor.document.length > 1 && editor.removeBlocks([at]),
    at => editor.insertBlocks([{ ...block(), children: [block()] }], at, 'after')
  ]

  const edit = () => random.pick(changes)(random.pick(editor.document))
  return Object.assign(edit, { view: editor.prosemirrorView, last })
}

// The editor wants an empty block at the end.
function last ([group], { nodes }) {
  const { blockContainer, paragraph } = nodes
  return [group.copy(group.content.addToEnd(blockContainer.create({ id: 'the last' }, paragraph.create())))]
}

export const content = doc => doc.getXmlFragment('blocknote').toString()
