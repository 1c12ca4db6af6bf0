import { plainColor } from './color.js'
import { h } from './element.js'

/** A person as a coloured disc with the first letters of the name, which records of others may have as anything. */
export function avatar (who: unknown, color: string): HTMLElement {
  const name = String(who)
  return h('span', { class: 'avatar', style: `--person: ${plainColor(color)}`, title: name, 'aria-hidden': 'true' }, initials(name))
}

/** Two letters, or one and the number behind the name. */
export function initials (name: string): string {
  const number = /\d+$/.exec(name)?.[0] ?? ''
  return (number === '' ? name.slice(0, 2) : name[0]! + number).slice(0, 3)
}
