// TipTap, with its collaboration extension.

import { Editor } from '@tiptap/core'
import { Collaboration } from '@tiptap/extension-collaboration'
import { StarterKit } from '@tiptap/starter-kit'
import { place } from './dom.mjs'
import { textOf } from './prosemirror_text.mjs'

export function open (doc, provider, random) {
  const editor = new Editor({
    element: place(),
    extensions: [StarterKit.configure({ undoRedo: false }), Collaboration.configure({ document: doc })]
  })

  const write = chain => chain.insertContent({ type: 'text', text: random.word() })
  const changes = [
    write,
    write,
    write,
    chain => chain.deleteSelection(),
    chain => chain.deleteSelection().splitBlock(),
    chain => chain.toggleBold(),
    chain => chain.toggleCode(),
    chain => chain.toggleHeading({ level: 1 + random.below(3) }),
    chain => chain.toggleBulletList(),
    chain => chain.toggleBlockquote(),
    chain => chain.setHorizontalRule(),
    chain => chain.undo(),
    chain => chain.redo()
  ]

  function edit () {
    const [from, to] = random.span(textOf(editor.state.doc), 8)
    random.pick(changes)(editor.chain().setTextSelection({ from, to })).run()
  }

  return Object.assign(edit, { view: editor.view, last })
}

// The starter kit puts a paragraph behind what is none.
function last (content, { nodes }) {
  return [...content, nodes.paragraph.create()]
}

export const content = doc => doc.getXmlFragment('default').toString()
