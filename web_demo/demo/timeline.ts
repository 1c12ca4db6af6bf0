import { GATES, type CommitTold, type Director } from './director.js'
import { h, setText } from './element.js'
import { milliseconds } from './latency.js'

/** Commits that are listed; the oldest goes. */
const LISTED = 7
/** How often the list may change: more often nobody could read it. */
const DRAW_MS = 300
const RATE_MS = 5_000

/** Commits as they are shown: where they come from, their size, and how long they took through each gate. */
export class Timeline {
  readonly element: HTMLElement
  readonly #list = h('ol', { style: `--rows: ${LISTED}`, 'aria-label': 'The latest commits' })
  readonly #rate = h('span', { class: 'count' }, '')
  #commits: CommitTold[] = []
  #times: number[] = []
  #asked = false

  constructor (director: Director) {
    const legend = h('p', { class: 'legend', 'aria-label': 'Gates of a commit' }, ...GATES.map(gate => h('span', { class: gate }, gate)))
    this.element = h('section', { class: 'timeline', 'aria-label': 'Commits' }, h('header', {}, h('h2', {}, 'Commits'), this.#rate, legend), this.#list)
    this.#list.append(h('li', { class: 'hint' }, 'What is written appears here, with the time that each gate took.'))
    director.onCommit(commit => { this.#add(commit) })
    director.onState(() => { this.#sayRate() })
  }

  #add (commit: CommitTold): void {
    this.#commits = [commit, ...this.#commits].slice(0, LISTED)
    this.#times.push(performance.now())
    if (this.#asked) return
    this.#asked = true
    setTimeout(() => {
      this.#asked = false
      this.#draw()
    }, DRAW_MS)
  }

  #draw (): void {
    const longest = Math.max(...this.#commits.map(totalOf), 1)
    this.#list.replaceChildren(...this.#commits.map(commit => line(commit, longest)))
    this.#sayRate()
  }

  #sayRate (): void {
    const since = performance.now() - RATE_MS
    this.#times = this.#times.filter(time => time > since)
    const rate = this.#times.length * 1_000 / RATE_MS
    setText(this.#rate, rate === 0 ? '' : `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} a second`)
  }
}

function totalOf ({ micros }: CommitTold): number {
  return GATES.reduce((sum, gate) => sum + (micros[gate] ?? 0), 0)
}

function line (commit: CommitTold, longest: number): HTMLLIElement {
  const { origin, collection, sequence, author, bytes, micros } = commit
  const total = totalOf(commit)
  const segments = GATES.map(gate => h('i', { class: gate, style: `flex-grow: ${micros[gate] ?? 0}` }))
  const title = GATES.map(gate => `${gate} ${micros[gate] ?? '–'} µs`).join(', ')
  return h('li', {},
    h('span', { class: 'node-name' }, origin), h('span', { class: 'what' }, `${collection.replace(/^demo\//, '')} #${sequence}`),
    h('span', { class: 'author' }, author ?? ''), h('span', { class: 'bytes' }, bytes < 10_000 ? `${bytes} B` : `${Math.round(bytes / 1_000)} kB`),
    h('span', { class: 'gates', title }, h('span', { class: 'segments', style: `width: ${Math.max(4, 100 * total / longest)}%` }, ...segments)),
    h('span', { class: 'took' }, milliseconds(total / 1_000)))
}
