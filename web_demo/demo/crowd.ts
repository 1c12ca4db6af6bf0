import type { Director } from './director.js'
import { h, setText } from './element.js'
import type { Notice } from './notice.js'

const MORE = 10
/** The most that the director lets work at once. */
const MOST = 100

/** Buttons that have scripted people come and go. */
export class Crowd {
  readonly element: HTMLElement

  constructor (director: Director, notice: Notice) {
    const count = h('output', {}, '0')
    const become = (users: number): void => { notice.watch(director.users(Math.min(MOST, users))) }
    const more = h('button', { type: 'button', class: 'action', onclick: () => { become(director.state.users + MORE) } }, `Add ${MORE}`)
    const none = h('button', { type: 'button', class: 'action quiet', onclick: () => { become(0) } }, 'Send home')
    this.element = h('section', { class: 'crowd', 'aria-label': 'Scripted people' },
      h('header', {}, h('h2', {}, 'Scripted people'), count), h('div', { class: 'actions' }, more, none))
    director.onState(({ users }) => {
      setText(count, String(users))
      more.disabled = users >= MOST
      none.disabled = users === 0
    })
  }
}
