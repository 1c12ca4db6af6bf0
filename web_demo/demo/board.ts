import { Card } from './card.js'
import type { Company } from './company.js'
import { COLUMN_TITLES, COLUMNS, MAX_TASKS, type Column, type Here, type TaskRow } from './data.js'
import { Drag } from './drag.js'
import { h, setText } from './element.js'
import { oncePerFrame } from './frames.js'
import type { Members } from './members.js'
import { appear, glide } from './motion.js'
import { inColumns, stepped, type Step } from './place.js'
import { stack } from './stack.js'
import type { Tasks } from './tasks.js'

/** The task board of one person. */
export class Board {
  readonly element: HTMLElement
  readonly #cards = new Map<string, Card>()
  readonly #lists: ReadonlyMap<Column, HTMLUListElement>
  readonly #counts: ReadonlyMap<Column, HTMLElement>
  readonly #said = h('p', { class: 'unseen', role: 'status' })
  readonly #empty = h('p', { class: 'hint' }, 'Waiting for the first rows…')
  readonly #drag: Drag
  /** The card to go on editing or moving once it is drawn anew. */
  #added: string | undefined

  constructor (private readonly tasks: Tasks, private readonly members: Members, private readonly company: Company) {
    this.#lists = new Map(COLUMNS.map(column => [column, h('ul', { class: 'stack', 'aria-label': COLUMN_TITLES[column] })]))
    this.#counts = new Map(COLUMNS.map(column => [column, h('span', { class: 'count' }, '0')]))
    const columns = h('div', { class: 'columns' }, ...COLUMNS.map(column => this.#column(column)))
    this.element = h('section', { class: 'board', 'aria-label': 'Task board' }, h('header', {}, h('h3', {}, 'Board'), this.#empty), columns, this.#said)
    this.#drag = new Drag(columns, this.#lists, (key, place) => { tasks.move(key, place) })
    this.#point(columns)
    const draw = oncePerFrame(() => { this.#draw() })
    tasks.onChange(draw)
    const drawPointers = oncePerFrame(() => { this.#drawPointers() })
    company.onChange(drawPointers)
    members.onChange(oncePerFrame(() => { for (const card of this.#cards.values()) card.owners() }))
  }

  #column (column: Column): HTMLElement {
    const add = h('button', { type: 'button', class: 'icon', 'aria-label': `Add a task to ${COLUMN_TITLES[column]}`, title: 'Add a task', onclick: () => { this.#add(column) } }, '+')
    return h('div', { class: `column ${column}`, 'data-column': column },
      h('header', {}, h('h4', {}, COLUMN_TITLES[column]), this.#counts.get(column)!, add), this.#lists.get(column)!)
  }

  #draw (): void {
    const { rows, ready } = this.tasks
    setText(this.#empty, !ready ? 'Waiting for the first rows…' : rows.length === 0 ? 'Nothing to do: add a task with +' : rows.length >= MAX_TASKS ? `the first ${MAX_TASKS} tasks` : '')
    const columns = inColumns(rows)
    const keep = new Set(rows.map(row => row._key))
    const gone = [...this.#cards].filter(([key]) => !keep.has(key))
    for (const [key] of gone) this.#cards.delete(key)
    const fresh = rows.filter(row => !this.#cards.has(row._key))
    for (const row of fresh) this.#cards.set(row._key, new Card(row, this.tasks, this.members, this.company, { step: (key, step) => { this.#step(key, step) } }))
    if (this.#isElsewhere(columns)) this.#arrange(columns, gone.map(([, card]) => card))
    for (const row of rows) if (this.#cards.get(row._key)!.row !== row) this.#cards.get(row._key)!.update(row)
    for (const row of fresh) appear(this.#cards.get(row._key)!.element)
    for (const [column, tasks] of columns) setText(this.#counts.get(column)!, String(tasks.length))
    if (fresh.length > 0) this.#drawPointers()
    const added = this.#cards.get(this.#added ?? '')
    if (added !== undefined) {
      this.#added = undefined
      added.edit()
    }
  }

  #isElsewhere (columns: ReadonlyMap<Column, readonly TaskRow[]>): boolean {
    return [...columns].some(([column, rows]) => {
      const { children } = this.#lists.get(column)!
      return children.length !== rows.length || rows.some((row, at) => children[at] !== this.#cards.get(row._key)!.element)
    })
  }

  /** Put every card where it belongs. Within its column it glides by itself; where it was in another one is measured. */
  #arrange (columns: ReadonlyMap<Column, readonly TaskRow[]>, gone: readonly Card[]): void {
    const was = this.#drag.landed()
    for (const [column, rows] of columns) {
      for (const { _key } of rows) {
        const { element } = this.#cards.get(_key)!
        if (element.isConnected && element.parentElement !== this.#lists.get(column) && !was.has(element)) was.set(element, element.getBoundingClientRect())
      }
    }
    for (const card of gone) card.element.remove()
    for (const [column, rows] of columns) stack(this.#lists.get(column)!, rows.map(row => this.#cards.get(row._key)!.element))
    for (const [element, from] of was) glide(element, from)
  }

  #drawPointers (): void {
    const by = new Map<string, Here[]>()
    for (const here of this.company.others) {
      if (typeof here?.at === 'string') by.set(here.at, [...by.get(here.at) ?? [], here])
    }
    for (const [key, card] of this.#cards) card.pointed(by.get(key) ?? [])
  }

  #step (key: string, step: Step): void {
    const row = this.tasks.get(key)
    const place = row && stepped(inColumns(this.tasks.rows), row, step)
    if (row === undefined || place === undefined) return
    this.tasks.move(key, place)
    setText(this.#said, `“${row.title}” is moved to ${COLUMN_TITLES[place.column]}, place ${place.at + 1}`)
  }

  #add (column: Column): void {
    void this.tasks.add({ title: 'New task', column, owner: null }).then(key => {
      const card = this.#cards.get(key)
      if (card === undefined) this.#added = key
      else card.edit()
    })
  }

  /** Show the others what is under one's pointer. */
  #point (columns: HTMLElement): void {
    const keyOf = (target: EventTarget | null): string | null => (target as Element).closest<HTMLElement>('.card')?.dataset['key'] ?? null
    columns.addEventListener('pointerover', event => {
      if (!columns.contains(document.activeElement)) this.company.point(keyOf(event.target))
    })
    columns.addEventListener('pointerleave', () => { if (!columns.contains(document.activeElement)) this.company.point(null) })
    columns.addEventListener('focusout', event => { if (!columns.contains(event.relatedTarget as Node | null)) this.company.point(null) })
  }
}
