// The text of a ProseMirror document, each character at its position, spaces for what is no text.

export function textOf (doc) {
  const characters = new Array(doc.content.size).fill(' ')
  doc.descendants((node, at) => {
    if (node.isText) characters.splice(at, node.nodeSize, ...node.text.split(''))
  })
  return characters.join('')
}
