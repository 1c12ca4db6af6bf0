// CodeMirror 6, with y-codemirror.next.

import { EditorState } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { yCollab } from 'y-codemirror.next'
import * as Y from 'yjs'
import { place } from './dom.mjs'

export function open (doc, provider, random) {
  const text = doc.getText('codemirror')
  const undoManager = new Y.UndoManager(text, { captureTimeout: 0 })
  const view = new EditorView({
    parent: place(),
    state: EditorState.create({ doc: text.toString(), extensions: [yCollab(text, provider.awareness, { undoManager })] })
  })

  function edit () {
    const chance = random.below(12)
    if (chance === 0) return undoManager.undo()
    if (chance === 1) return undoManager.redo()
    const [from, to] = random.span(view.state.doc.toString(), 8)
    const insert = random.word() + random.pick(['', '', '\n'])
    const changes = random.pick([{ from, insert }, { from, insert }, { from, to }, { from, to, insert }])
    view.dispatch({ changes, selection: { anchor: from }, userEvent: 'input' })
  }

  return edit
}

export const content = doc => doc.getText('codemirror').toString()
