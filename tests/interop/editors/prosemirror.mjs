// ProseMirror, with y-prosemirror.

import { schema } from 'prosemirror-schema-basic'
import { EditorState, TextSelection } from 'prosemirror-state'
import { EditorView } from 'prosemirror-view'
import { redo, undo, yCursorPlugin, ySyncPlugin, yUndoPlugin } from 'y-prosemirror'
import { place } from './dom.mjs'
import { textOf } from './prosemirror_text.mjs'

export function open (doc, provider, random) {
  const fragment = doc.getXmlFragment('prosemirror')
  const plugins = [ySyncPlugin(fragment), yCursorPlugin(provider.awareness), yUndoPlugin()]
  const view = new EditorView(place(), { state: EditorState.create({ schema, plugins }) })

  const { strong, em } = schema.marks
  const { heading, paragraph, blockquote } = schema.nodes
  const write = tr => tr.insertText(random.word())
  const changes = [
    write,
    write,
    write,
    tr => tr.deleteSelection(),
    tr => tr.split(tr.selection.to),
    tr => tr.addMark(tr.selection.from, tr.selection.to, random.pick([strong, em]).create()),
    tr => tr.removeMark(tr.selection.from, tr.selection.to),
    tr => tr.setBlockType(tr.selection.from, tr.selection.to, heading, { level: 1 + random.below(3) }),
    tr => tr.setBlockType(tr.selection.from, tr.selection.to, paragraph),
    tr => tr.insert(random.pick([0, tr.doc.content.size]), blockquote.createAndFill()),
    tr => tr.replaceSelectionWith(schema.nodes.hard_break.create())
  ]

  function select () {
    const [from, to] = random.span(textOf(view.state.doc), 8)
    const { doc, tr } = view.state
    view.dispatch(tr.setSelection(TextSelection.between(doc.resolve(from), doc.resolve(to))))
  }

  function edit () {
    if (random.below(12) === 0) return random.pick([undo, redo])(view.state)
    select()
    const { tr } = view.state
    random.pick(changes)(tr)
    view.dispatch(tr)
  }

  return Object.assign(edit, { view, last: content => content })
}

export const content = doc => doc.getXmlFragment('prosemirror').toString()
