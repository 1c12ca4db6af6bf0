import { avatar } from './avatar.js'
import { h } from './element.js'
import type { Pane } from './pane.js'

/** Buttons that choose a pane, where there is room for one alone. */
export function tabs (panes: readonly Pane[]): HTMLElement {
  const buttons = panes.map(pane => h('button', { type: 'button', onclick: () => { choose(pane) } },
    avatar(pane.person.name, pane.person.color), pane.person.name, h('span', { class: 'node-name' }, pane.home)))
  const choose = (chosen: Pane): void => {
    panes.forEach((pane, at) => {
      pane.element.classList.toggle('chosen', pane === chosen)
      buttons[at]!.setAttribute('aria-pressed', String(pane === chosen))
    })
  }
  if (panes[0] !== undefined) choose(panes[0])
  return h('nav', { class: 'tabs', 'aria-label': 'Panes' }, ...buttons)
}
