import { avatar } from './avatar.js'
import type { Company } from './company.js'
import type { Here } from './data.js'
import { h, setText } from './element.js'
import { oncePerFrame } from './frames.js'
import { stack } from './stack.js'
import type { Tasks } from './tasks.js'

/** People that are listed; of the others the number is said. */
const LISTED = 24

interface Line { readonly element: HTMLLIElement, readonly where: HTMLElement, readonly at: HTMLElement }

/** Who is here, on which node, and what they point at. */
export class People {
  readonly element: HTMLElement
  readonly #list = h('ul', { class: 'stack', tabindex: 0, 'aria-label': 'People on the board' })
  readonly #count = h('span', { class: 'count' }, '0')
  readonly #lines = new Map<number, Line>()

  constructor (private readonly company: Company, private readonly tasks: Tasks) {
    this.element = h('section', { class: 'people', 'aria-label': 'Who is here' }, h('header', {}, h('h3', {}, 'Here now'), this.#count), this.#list)
    const draw = oncePerFrame(() => { this.#draw() })
    company.onChange(draw)
    tasks.onChange(draw)
  }

  #draw (): void {
    const all = [...this.company.all].filter(([, here]) => typeof here?.name === 'string')
    const listed = all.sort(([one, here], [other, there]) => rank(here, there) || one - other).slice(0, LISTED)
    setText(this.#count, all.length > LISTED ? `${all.length}, the first ${LISTED}` : String(all.length))
    const keep = new Set(listed.map(([client]) => client))
    for (const [client, { element }] of this.#lines) {
      if (keep.has(client)) continue
      element.remove()
      this.#lines.delete(client)
    }
    stack(this.#list, listed.map(([client, here]) => {
      const line = this.#lines.get(client) ?? this.#line(client, here)
      setText(line.where, here.node ?? '')
      setText(line.at, this.#doing(here))
      return line.element
    }))
  }

  #line (client: number, { name, color }: Here): Line {
    const where = h('span', { class: 'where' })
    const at = h('span', { class: 'at' })
    const you = this.company.isMe(client) ? ' (this pane)' : ''
    const element = h('li', {}, avatar(name, color), h('span', { class: 'name' }, name + you), where, at)
    const line = { element, where, at }
    this.#lines.set(client, line)
    return line
  }

  #doing ({ at, field }: Here): string {
    const title = at == null ? undefined : this.tasks.get(at)?.title
    if (title === undefined) return ''
    return field == null ? `at “${title}”` : `edits ${field} of “${title}”`
  }
}

/** Those at the panes, who say where they are, come first. */
function rank (one: Here, other: Here): number {
  return Number(other.node !== undefined) - Number(one.node !== undefined) || one.name.localeCompare(other.name)
}
