import type { DemoState, Director, LinkState, NodeState } from './director.js'
import { h, setText, svg } from './element.js'
import { Pulses, type Point } from './pulses.js'
import type { Notice } from './notice.js'

const WIDTH = 320
const HEIGHT = 216
const CENTER: Point = { x: WIDTH / 2, y: 128 }
const HASH_CHARS = 8

interface NodeShown { readonly button: HTMLButtonElement, readonly detail: HTMLElement, readonly deed: HTMLElement }
interface LinkShown { readonly button: HTMLButtonElement, readonly line: SVGLineElement }

/** The cluster as a picture: a node is killed or started, a link cut or healed, by pressing it. */
export class Cluster {
  readonly element: HTMLElement
  readonly #nodes = new Map<string, NodeShown>()
  readonly #links = new Map<string, LinkShown>()
  readonly #agreement = h('p', { class: 'agreement', role: 'status' })

  constructor (private readonly director: Director, private readonly notice: Notice) {
    const { nodes, links } = director.state
    const places = new Map(nodes.map(({ name }, at) => [name, placeOf(at, nodes.length)]))
    const drawing = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, 'aria-hidden': 'true' })
    const picture = h('div', { class: 'picture', style: `width: ${WIDTH}px; height: ${HEIGHT}px` }, drawing)
    for (const link of links) picture.append(this.#link(link, places, drawing))
    for (const { name } of nodes) picture.append(this.#node(name, places.get(name)!))
    picture.append(this.#agreement)
    this.element = h('section', { class: 'cluster', 'aria-label': 'The cluster' },
      h('header', {}, h('h2', {}, 'Three nodes, one database')), picture, h('p', { class: 'hint' }, 'Press a link to cut or heal it, a node to kill or start it.'))
    const pulses = new Pulses(picture, places)
    director.onCommit(({ node }) => { pulses.from(node, this.director.state.links) })
    director.onState(state => { this.#show(state) })
  }

  #node (name: string, { x, y }: Point): HTMLElement {
    const detail = h('span', { class: 'detail' })
    const deed = h('span', { class: 'deed' })
    const press = (): void => { this.notice.watch(this.director.node(name, this.#stateOf(name) === 'down' ? 'start' : 'kill')) }
    const button = h('button', { type: 'button', class: 'node', style: `left: ${x}px; top: ${y}px`, 'data-name': name, onclick: press },
      h('span', { class: 'node-line' }, h('span', { class: 'dot' }), name), detail, deed)
    this.#nodes.set(name, { button, detail, deed })
    return button
  }

  #link ({ between }: LinkState, places: ReadonlyMap<string, Point>, drawing: SVGSVGElement): HTMLElement {
    const [from, to] = [places.get(between[0])!, places.get(between[1])!]
    const ends = { x1: from.x, y1: from.y, x2: to.x, y2: to.y }
    const press = (): void => {
      const now = this.director.state.links.find(link => keyOf(link) === keyOf({ between }))
      this.notice.watch(this.director.link(between, now?.cut === true ? 'heal' : 'cut'))
    }
    const line = svg('line', { class: 'link', ...ends })
    drawing.append(line, svg('line', { class: 'press', ...ends, onclick: press }))
    const middle = `left: ${(from.x + to.x) / 2}px; top: ${(from.y + to.y) / 2}px`
    const button = h('button', { type: 'button', class: 'link', style: middle, 'data-between': keyOf({ between }), onclick: press })
    this.#links.set(keyOf({ between }), { button, line })
    return button
  }

  #stateOf (name: string): NodeState['state'] | undefined {
    return this.director.state.nodes.find(node => node.name === name)?.state
  }

  #show ({ nodes, links }: DemoState): void {
    for (const node of nodes) this.#showNode(node)
    for (const link of links) this.#showLink(link)
    const hashes = new Set(nodes.flatMap(({ hash }) => hash === null ? [] : [hash]))
    const text = hashes.size === 0 ? '' : hashes.size === 1 ? 'hashes equal' : 'hashes differ'
    if (setText(this.#agreement, text)) this.#agreement.classList.toggle('differ', hashes.size > 1)
  }

  #showNode ({ name, state, hash, pid }: NodeState): void {
    const shown = this.#nodes.get(name)
    if (shown === undefined) return
    const deed = state === 'down' ? 'start' : 'kill -9'
    shown.button.dataset['state'] = state
    shown.button.disabled = state === 'starting'
    shown.button.title = pid === null ? '' : `process ${pid}`
    setText(shown.detail, state === 'up' ? hash?.slice(0, HASH_CHARS) ?? '…' : state)
    setText(shown.deed, state === 'starting' ? '' : deed)
  }

  #showLink (link: LinkState): void {
    const shown = this.#links.get(keyOf(link))
    if (shown === undefined) return
    const standing = link.cut ? 'cut' : link.up ? 'up' : 'lost'
    shown.button.dataset['standing'] = standing
    shown.line.setAttribute('class', `link ${standing}`)
    const text = link.behind > 0 && !link.up ? `${link.behind} behind` : link.cut ? 'cut' : link.up ? `${Math.round(link.lag_ms)} ms` : 'no link'
    setText(shown.button, text)
    const deed = link.cut ? 'heal' : 'cut'
    shown.button.title = `${deed} it`
    shown.button.setAttribute('aria-label', `Link ${link.between.join(' – ')}, ${text}: ${deed}`)
  }
}

function keyOf ({ between }: Pick<LinkState, 'between'>): string {
  return [...between].sort().join('-')
}

/** On a circle, the first at the left: three stand in the order of their panes. */
function placeOf (at: number, nodes: number): Point {
  const angle = 2 * Math.PI * (at + 0.25) / nodes + 2 * Math.PI / 3
  return { x: CENTER.x + Math.cos(angle) * 122, y: CENTER.y + Math.sin(angle) * 96 }
}
