// Lexical without a view, with @lexical/yjs. The binding finds what was typed by comparing UTF-16 code units: when
// an emoji becomes another one with the same first half, it replaces the second half alone.

import { createHeadlessEditor } from '@lexical/headless'
import { createBinding, syncLexicalUpdateToYjs, syncYjsChangesToLexical } from '@lexical/yjs'
import { $createParagraphNode, $createTextNode, $getRoot, $isTextNode } from 'lexical'
import { XmlText } from 'yjs'

export function open (doc, provider, random) {
  const editor = createHeadlessEditor({ onError: error => { throw error } })
  const binding = createBinding(editor, provider, 'main', doc, new Map([['main', doc]]))
  const shared = binding.root.getSharedType()
  shared.observeDeep((events, { origin }) => {
    if (origin !== binding) syncYjsChangesToLexical(binding, provider, events, false, () => {})
  })
  editor.registerUpdateListener(({ prevEditorState, editorState, dirtyElements, dirtyLeaves, normalizedNodes, tags }) => {
    if (tags.has('skip-collab')) return
    syncLexicalUpdateToYjs(
      binding, provider, prevEditorState, editorState, dirtyElements, dirtyLeaves, normalizedNodes, tags
    )
  })

  const write = node => {
    const [from] = random.span(node.getTextContent(), 1)
    node.spliceText(from, 0, random.word())
  }
  const smile = node => node.setTextContent(
    node.getTextContent().replace(/[😀😁😂]/u, random.pick(['😀', '😁', '😂']))
  )
  const changes = [
    write,
    write,
    write,
    smile,
    smile,
    node => node.setTextContent(node.getTextContent() + '😀'),
    node => {
      const [from, to] = random.span(node.getTextContent(), 6)
      node.spliceText(from, to - from, '')
    },
    node => node.toggleFormat(random.pick(['bold', 'italic'])),
    node => node.insertAfter($createTextNode(random.word()).toggleFormat('code')),
    node => node.getParent().insertAfter($paragraph()),
    node => $getRoot().getChildrenSize() > 1 && node.getParent().remove()
  ]

  function $paragraph () {
    return $createParagraphNode().append($createTextNode(random.word()))
  }

  function edit () {
    editor.update(() => {
      const nodes = $getRoot().getAllTextNodes().filter($isTextNode)
      if (nodes.length === 0) $getRoot().append($paragraph())
      else random.pick(changes)(random.pick(nodes))
    }, { discrete: true })
  }

  const text = () => editor.read(() => $getRoot().getChildren().map(each => each.getTextContent()).join('\n'))
  return Object.assign(edit, { text })
}

// Two halves that came one by one look like a whole character to their writer, and to nobody else.
export const content = doc => doc.get('root', XmlText).toString().replace(/[\ud800-\udfff]/g, '\ufffd')
