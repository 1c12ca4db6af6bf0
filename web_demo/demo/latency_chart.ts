import { h, setText, svg } from './element.js'
import { milliseconds, type Latency } from './latency.js'

/** Samples that are drawn, from the newest back. */
const DRAWN = 60
const WIDTH = 240
const HEIGHT = 56
/** The ends of the scale, which is logarithmic. */
const LEAST_MS = 1
const MOST_MS = 5_000

/** How long it took from a write in one pane until the others had seen it. */
export class LatencyChart {
  readonly element: HTMLElement
  readonly #p50 = h('strong', {}, '–')
  readonly #p99 = h('strong', {}, '–')
  readonly #of = h('span', { class: 'count' }, '')
  readonly #dots = Array.from({ length: DRAWN }, () => svg('rect', { width: 2.5, rx: 1, visibility: 'hidden' }))
  readonly #lines = [svg('line', { class: 'p50' }), svg('line', { class: 'p99' })]
  readonly #hint = h('p', { class: 'hint' }, 'Type in a document or move a card.')
  readonly #chart = h('div', { class: 'chart none' }, this.#hint)

  constructor (private readonly latency: Latency) {
    const scale = [10, 100, 1_000].map(ms => svg('line', { class: 'scale', x1: 0, x2: WIDTH, y1: heightOf(ms), y2: heightOf(ms) }))
    const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, ...scale, ...this.#dots, ...this.#lines)
    this.#chart.append(picture)
    this.element = h('section', { class: 'latency', 'aria-label': 'From a write to the other panes' },
      h('header', {}, h('h2', {}, 'Seen by the others after'), this.#of),
      h('p', { class: 'figures' }, h('span', {}, 'p50 ', this.#p50), h('span', {}, 'p99 ', this.#p99)),
      this.#chart)
    latency.onChange(() => { this.#draw() })
  }

  #draw (): void {
    const { samples, total } = this.latency
    const quantiles = [this.latency.quantile(0.5), this.latency.quantile(0.99)]
    if (quantiles[0] === undefined || quantiles[1] === undefined) return
    setText(this.#p50, milliseconds(quantiles[0]))
    setText(this.#p99, milliseconds(quantiles[1]))
    setText(this.#of, `${total} times`)
    this.#hint.hidden = true
    this.#chart.classList.remove('none')
    const drawn = samples.slice(-DRAWN)
    this.#dots.forEach((dot, at) => {
      const ms = drawn[at]
      dot.setAttribute('visibility', ms === undefined ? 'hidden' : 'visible')
      if (ms === undefined) return
      dot.setAttribute('x', String(at * WIDTH / DRAWN))
      dot.setAttribute('y', String(heightOf(ms)))
      dot.setAttribute('height', String(HEIGHT - heightOf(ms)))
    })
    this.#lines.forEach((line, at) => {
      const y = String(heightOf(quantiles[at]!))
      for (const [name, value] of Object.entries({ x1: '0', x2: String(WIDTH), y1: y, y2: y })) line.setAttribute(name, value)
    })
  }
}

function heightOf (ms: number): number {
  const part = Math.log(Math.max(LEAST_MS, ms) / LEAST_MS) / Math.log(MOST_MS / LEAST_MS)
  return HEIGHT - 2 - Math.min(1, part) * (HEIGHT - 4)
}
