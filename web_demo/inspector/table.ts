import { fill, make } from './dom.js'

export interface Column<T> {
  readonly title: string
  /** What it tells, where the title is not plain. */
  readonly meaning?: string
  /** Numbers stand at the right, below each other. */
  readonly numeric?: boolean
  readonly cell: (row: T) => string
}

/** What a cell says where there is nothing to tell of, and of none. */
export const NONE = '–'
const NOTHING = [NONE, '0']

/** A table whose rows have keys: what changes is changed in place, and nothing else is touched. */
export class Table<T> {
  readonly element: HTMLElement
  readonly #table: HTMLTableElement
  readonly #head = make('tr')
  readonly #body = make('tbody')
  readonly #rows = new Map<string, HTMLTableRowElement>()
  #columns: ReadonlyArray<Column<T>> = []

  /** `choose` is told of a row whose first cell was pressed; `flash`: cells that change are lit up for a moment. */
  constructor (label: string, private readonly choose?: (key: string, row: T) => void, private readonly flash = false) {
    this.#table = make('table', {}, make('thead', {}, this.#head), this.#body)
    this.element = make('div', { className: 'scroll', tabIndex: 0 }, this.#table)
    this.element.setAttribute('role', 'region')
    this.element.hidden = true
    this.element.setAttribute('aria-label', label)
  }

  /** These are the columns from now on. */
  columns (columns: ReadonlyArray<Column<T>>): void {
    if (columns.map(each => each.title).join('\n') === this.#columns.map(each => each.title).join('\n')) {
      this.#columns = columns
      return
    }
    this.#columns = columns
    this.#table.style.tableLayout = 'auto'
    this.#table.style.minWidth = ''
    this.#rows.clear()
    this.#body.replaceChildren()
    this.#head.replaceChildren(...columns.map(({ title, numeric }) =>
      make('th', { scope: 'col', className: numeric === true ? 'number' : '' }, title)))
  }

  /** These are the rows from now on, in this order. */
  show (rows: ReadonlyArray<readonly [key: string, row: T]>): void {
    this.element.hidden = rows.length === 0
    const keys = new Set(rows.map(([key]) => key))
    for (const key of this.#rows.keys()) if (!keys.has(key)) this.#rows.delete(key)
    fill(this.#body, rows.map(([key, row]) => this.#shown(key, row)))
    if (rows.length > 0 && this.#table.style.tableLayout === 'auto') this.#settle()
  }

  /** The row of this key is the one that is looked at; null: none is. */
  mark (marked: string | null): void {
    for (const [key, element] of this.#rows) element.querySelector('button')?.setAttribute('aria-pressed', String(key === marked))
  }

  /** Columns stay as wide as the first rows have made them: what comes later moves nothing. */
  #settle (): void {
    const cells = Array.from(this.#head.children) as HTMLElement[]
    const widths = cells.map(cell => cell.offsetWidth)
    cells.forEach((cell, at) => { cell.style.width = `${widths[at]}px` })
    this.#table.style.minWidth = `${this.#table.offsetWidth}px`
    this.#table.style.tableLayout = 'fixed'
  }

  #shown (key: string, row: T): HTMLTableRowElement {
    const known = this.#rows.get(key)
    const element = known ?? this.#make(key)
    this.#columns.forEach((column, at) => {
      const cell = element.children[at]!
      const place = at === 0 && this.choose !== undefined ? cell.firstElementChild! : cell
      const text = column.cell(row)
      if (place.textContent === text) return
      place.textContent = text
      cell.classList.toggle('nothing', column.numeric === true && NOTHING.includes(text))
      if (this.flash && known !== undefined) light(cell)
    })
    if (this.choose !== undefined) (element.querySelector('button')!).onclick = () => { this.choose?.(key, row) }
    return element
  }

  #make (key: string): HTMLTableRowElement {
    const element = make('tr', {}, ...this.#columns.map(({ numeric }, at) => {
      const className = numeric === true ? 'number' : ''
      if (at > 0 || this.choose === undefined) return make('td', { className })
      return make('th', { scope: 'row' }, make('button', { type: 'button' }))
    }))
    this.#rows.set(key, element)
    return element
  }
}

/** What columns tell, to be unfolded. */
export function legend (columns: ReadonlyArray<Column<never>>): HTMLElement {
  const told = columns.flatMap(({ title, meaning }) => meaning === undefined ? [] : [make('dt', {}, title), make('dd', {}, meaning)])
  return make('details', {}, make('summary', {}, 'What the columns tell'), make('dl', {}, ...told))
}

function light (cell: Element): void {
  if (!matchMedia('(prefers-reduced-motion: reduce)').matches) {
    cell.animate([{ backgroundColor: 'var(--lit)' }, { backgroundColor: 'transparent' }], 900)
  }
}
