import { avatar } from './avatar.js'
import type { Company } from './company.js'
import { HIGHEST_PRIORITY, whole, type Here, type Task, type TaskRow } from './data.js'
import { h, setText } from './element.js'
import type { Members } from './members.js'
import { flash } from './motion.js'
import type { Step } from './place.js'
import type { Tasks } from './tasks.js'

/** Those who point at a card and are shown there; of the others the number. */
const POINTERS = 3
const PRIORITIES = Array.from({ length: HIGHEST_PRIORITY + 1 }, (_, priority) => priority)
const STEPS: readonly string[] = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'] satisfies Step[]

export interface CardDoes {
  step (key: string, step: Step): void
}

/** One task on a board: each field is edited where it stands, and written alone. */
export class Card {
  readonly element: HTMLLIElement
  readonly grip: HTMLButtonElement
  readonly #words = h('span')
  readonly #title = h('button', { type: 'button', class: 'title', title: 'Edit the title', onclick: () => { this.edit() } }, this.#words)
  readonly #text = h('textarea', { class: 'title', rows: 2, maxlength: 120, hidden: true })
  readonly #owner = h('select', { onchange: () => { this.#set({ owner: this.#owner.value === '' ? null : this.#owner.value }) } })
  readonly #face = h('span', { class: 'face', 'aria-hidden': 'true' })
  readonly #ownerChip = h('span', { class: 'chip owner' }, this.#face, this.#owner)
  readonly #priority = h('select', { class: 'chip priority', onchange: () => { this.#set({ priority: Number(this.#priority.value) }) } },
    ...PRIORITIES.map(priority => h('option', { value: priority }, `P${priority}`)))
  readonly #count = h('span')
  readonly #votes = h('button', { type: 'button', class: 'chip votes', onclick: () => { this.tasks.vote(this.key) } }, h('span', { 'aria-hidden': 'true' }, '▲'), this.#count)
  readonly #pointers = h('span', { class: 'pointers', 'aria-hidden': 'true' })
  readonly #remove = h('button', { type: 'button', class: 'icon', title: 'Delete', onclick: () => { this.tasks.delete(this.key) } }, '×')
  #row: TaskRow
  #shown: TaskRow
  #pointedBy = ''

  constructor (row: TaskRow, private readonly tasks: Tasks, private readonly members: Members, company: Company, private readonly does: CardDoes) {
    this.#row = row
    this.#shown = whole(row)
    this.grip = h('button', { type: 'button', class: 'icon grip', title: 'Drag, or press arrow keys', onkeydown: (event: KeyboardEvent) => { this.#key(event) } }, '⠿')
    this.element = h('li', { class: 'card', 'data-key': row._key },
      h('div', { class: 'card-line' }, this.#title, this.#text, h('div', { class: 'card-tools' }, this.grip, this.#remove)),
      h('div', { class: 'card-line fields' }, this.#ownerChip, this.#priority, this.#votes), this.#pointers)
    this.#text.addEventListener('keydown', event => { this.#write(event) })
    this.#text.addEventListener('blur', () => { this.#finish(true) })
    for (const [field, , control] of this.#fields()) {
      control.addEventListener('focus', () => { company.point(this.key, control === this.#title ? null : field) })
      control.addEventListener('blur', () => { company.point(this.key) })
    }
    this.owners()
    this.update(row, false)
  }

  get key (): string {
    return this.#shown._key
  }

  get row (): TaskRow {
    return this.#row
  }

  /** Show the task as it is now; what is other than before is marked for a moment. */
  update (row: TaskRow, marked = true): void {
    const before = this.#shown
    const task = whole(row)
    this.#row = row
    this.#shown = task
    setText(this.#words, task.title)
    this.#showOwner(task.owner)
    this.#priority.value = String(task.priority)
    setText(this.#count, String(task.votes))
    this.#label()
    if (marked) for (const [field, element] of this.#fields()) if (task[field] !== before[field]) flash(element)
  }

  /** Offer those who may own it. */
  owners (): void {
    const names = this.members.names
    const { owner } = this.#shown
    const offered = owner === null || names.includes(owner) ? names : [...names, owner]
    this.#owner.replaceChildren(h('option', { value: '' }, 'nobody'), ...offered.map(name => h('option', { value: name }, name)))
    this.#showOwner(owner)
  }

  /** Show who points here, and what they edit. */
  pointed (by: readonly Here[]): void {
    const seen = by.map(({ name, field }) => `${name} ${field}`).join()
    if (seen === this.#pointedBy) return
    this.#pointedBy = seen
    const shown = by.slice(0, POINTERS).map(({ name, color }) => avatar(name, color))
    if (by.length > POINTERS) shown.push(h('span', { class: 'more' }, `+${by.length - POINTERS}`))
    this.#pointers.replaceChildren(...shown)
    for (const [field, element] of this.#fields()) {
      const editor = by.find(each => each.field === field)
      element.classList.toggle('held', editor !== undefined)
      if (editor !== undefined) element.style.setProperty('--holder', editor.color)
    }
  }

  /** Edit the title. */
  edit (): void {
    this.#text.value = this.#shown.title
    this.#title.hidden = true
    this.#text.hidden = false
    this.#text.focus()
    this.#text.select()
  }

  #showOwner (owner: string | null): void {
    const color = this.members.colorOf(owner)
    this.#owner.value = owner ?? ''
    this.element.style.setProperty('--person', color)
    this.#face.replaceChildren(avatar(owner ?? '–', color), h('span', { class: 'owner-name' }, owner ?? 'nobody'))
  }

  /** The fields of the task, what is marked when they change, and what is focused to edit them. */
  #fields (): Array<[keyof Task, HTMLElement, HTMLElement]> {
    return [
      ['title', this.#title, this.#title], ['title', this.#text, this.#text], ['owner', this.#ownerChip, this.#owner],
      ['priority', this.#priority, this.#priority], ['votes', this.#votes, this.#votes]
    ]
  }

  #label (): void {
    const { title, votes } = this.#shown
    this.grip.setAttribute('aria-label', `Move “${title}”`)
    this.#remove.setAttribute('aria-label', `Delete “${title}”`)
    this.#text.setAttribute('aria-label', `Title of “${title}”`)
    this.#owner.setAttribute('aria-label', `Owner of “${title}”`)
    this.#priority.setAttribute('aria-label', `Priority of “${title}”`)
    this.#votes.setAttribute('aria-label', `Vote for “${title}”: ${votes}`)
  }

  #set (fields: Partial<Omit<Task, 'votes'>>): void {
    this.tasks.change(this.key, fields)
  }

  #write (event: KeyboardEvent): void {
    if (event.key !== 'Enter' && event.key !== 'Escape') return
    event.preventDefault()
    this.#finish(event.key === 'Enter')
    this.#title.focus()
  }

  #finish (keep: boolean): void {
    if (this.#text.hidden) return
    this.#text.hidden = true
    this.#title.hidden = false
    const title = this.#text.value.replace(/\s+/g, ' ').trim()
    if (keep && title !== '' && title !== this.#shown.title) this.#set({ title })
  }

  #key (event: KeyboardEvent): void {
    if (event.key === 'Delete') this.tasks.delete(this.key)
    if (!STEPS.includes(event.key)) return
    event.preventDefault()
    this.does.step(this.key, event.key as Step)
  }
}
