import type { ChainedCommands, Editor } from '@tiptap/core'
import { h } from './element.js'

interface Tool { readonly sign: string, readonly says: string, readonly marks?: string, readonly level?: number, run (chain: ChainedCommands): ChainedCommands }

const TOOLS: readonly Tool[] = [
  { sign: 'B', says: 'Bold', marks: 'bold', run: chain => chain.toggleBold() },
  { sign: 'I', says: 'Italic', marks: 'italic', run: chain => chain.toggleItalic() },
  { sign: 'H', says: 'Heading', marks: 'heading', level: 2, run: chain => chain.toggleHeading({ level: 2 }) },
  { sign: '•', says: 'List', marks: 'bulletList', run: chain => chain.toggleBulletList() },
  { sign: '❝', says: 'Quote', marks: 'blockquote', run: chain => chain.toggleBlockquote() },
  { sign: '↶', says: 'Undo', run: chain => chain.undo() },
  { sign: '↷', says: 'Redo', run: chain => chain.redo() }
]

/** Buttons for what an editor can do. */
export function toolbar (editor: Editor): HTMLElement {
  const buttons = TOOLS.map(tool => {
    const press = (): void => { tool.run(editor.chain().focus()).run() }
    const keepFocus = (event: Event): void => { event.preventDefault() }
    return h('button', { type: 'button', title: tool.says, 'aria-label': tool.says, class: `tool ${tool.says.toLowerCase()}`, onclick: press, onmousedown: keepFocus }, tool.sign)
  })
  const show = (): void => {
    TOOLS.forEach(({ marks, level }, at) => {
      if (marks !== undefined) buttons[at]!.setAttribute('aria-pressed', String(editor.isActive(marks, level === undefined ? {} : { level })))
    })
  }
  editor.on('transaction', show)
  show()
  return h('div', { class: 'toolbar', role: 'group', 'aria-label': 'Format' }, ...buttons)
}
