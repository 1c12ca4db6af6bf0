// Quill, with y-quill. The binding adds a newline of its own to one editor now and then, so that two editors may
// differ in it while their Yjs documents, which are what is compared, do not.

import Quill from 'quill'
import { QuillBinding } from 'y-quill'
import { place } from './dom.mjs'

export function open (doc, provider, random) {
  const text = doc.getText('quill')
  const quill = new Quill(place(), { modules: { history: false, toolbar: false } })
  new QuillBinding(text, quill, provider.awareness)

  const write = from => quill.insertText(from, random.word(), random.pick([{}, { bold: true }]), 'user')
  const changes = [
    write,
    write,
    write,
    (from, to) => quill.deleteText(from, to - from, 'user'),
    (from, to) => quill.formatText(from, to - from, random.pick(['italic', 'code']), random.pick([true, false]), 'user'),
    (from, to) => quill.formatLine(from, to - from, 'header', random.pick([1, 2, false]), 'user'),
    from => quill.insertText(from, '\n', 'user'),
    from => quill.insertEmbed(from, 'image', 'data:image/gif;base64,R0lGODlhAQABAAAAADs=', 'user')
  ]

  return () => random.pick(changes)(...random.span(text.toDelta().map(characters).join(''), 8))
}

function characters ({ insert }) {
  return typeof insert === 'string' ? insert : '\ufffc'
}

export const content = doc => doc.getText('quill').toDelta()
