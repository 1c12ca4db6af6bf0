import type { Database, Query } from '../client/src/index.js'
import { h, setText } from './element.js'
import { oncePerFrame } from './frames.js'
import { milliseconds } from './latency.js'
import { appear, flash } from './motion.js'
import type { Notice } from './notice.js'
import { stack } from './stack.js'
import type { Writes } from './writes.js'

/** An update that comes later than this after the last write of a pane is not taken for its effect. */
const EFFECT_MS = 1_000

export interface QueryShow<T> {
  readonly title: string
  /** As a program would write it. */
  readonly code: string
  readonly query: Query<T>
  /** What makes a row the same row after a change. */
  keyOf (row: T): string
  /** What there is of a row to see; elements with `data-part` are marked when they have changed. */
  draw (row: T): HTMLElement[]
}

interface Line<T> { readonly element: HTMLLIElement, row: T }

/** A live query: its rows as they are, what its last update touched, and how long that took. */
export class QueryView<T> {
  readonly element: HTMLElement
  readonly #list: HTMLUListElement
  readonly #cost = h('span', { class: 'cost' }, '…')
  readonly #lines = new Map<string, Line<T>>()

  constructor (db: Database, private readonly show: QueryShow<T>, private readonly rows: number, private readonly writes: Writes, notice: Notice) {
    this.#list = h('ul', { class: 'stack', style: `--rows: ${rows}`, 'aria-label': show.title })
    this.element = h('section', { class: 'query', 'aria-label': show.title },
      h('header', {}, h('h4', {}, show.title), this.#cost), h('code', {}, show.code), this.#list)
    const live = db.live(show.query)
    let touched = 0
    let heard = 0
    let after: number | undefined
    const draw = oncePerFrame(() => {
      const began = performance.now()
      this.#draw(live.rows)
      const took = after === undefined ? `drawn in ${milliseconds(heard + performance.now() - began)}` : `${milliseconds(after)} after the write`
      setText(this.#cost, `${touched} ${touched === 1 ? 'row' : 'rows'} · ${took}`)
      touched = heard = 0
    })
    live.onDiff(diff => {
      after = this.writes.sinceLast(EFFECT_MS)
      touched += diff.changes.length
      draw()
    })
    notice.watch(live.open())
  }

  #draw (rows: readonly T[]): void {
    const shown = rows.slice(0, this.rows)
    const keys = shown.map(row => this.show.keyOf(row))
    const keep = new Set(keys)
    const fresh: HTMLElement[] = []
    for (const [key, { element }] of this.#lines) if (!keep.has(key)) { element.remove(); this.#lines.delete(key) }
    stack(this.#list, shown.map((row, at) => (this.#lines.get(keys[at]!) ?? this.#fresh(keys[at]!, row, fresh)).element))
    shown.forEach((row, at) => { this.#update(this.#lines.get(keys[at]!)!, row) })
    fresh.forEach(appear)
    this.#list.classList.toggle('none', shown.length === 0)
  }

  #fresh (key: string, row: T, fresh: HTMLElement[]): Line<T> {
    const line = { element: h('li', {}, ...this.show.draw(row)), row }
    this.#lines.set(key, line)
    fresh.push(line.element)
    return line
  }

  #update (line: Line<T>, row: T): void {
    if (line.row === row) return // which it is as long as nothing was told of it
    const before = Array.from(line.element.querySelectorAll<HTMLElement>('[data-part]'), part => part.textContent)
    line.row = row
    line.element.replaceChildren(...this.show.draw(row))
    const parts = line.element.querySelectorAll<HTMLElement>('[data-part]')
    parts.forEach((part, at) => { if (part.textContent !== before[at]) flash(part) })
  }
}
