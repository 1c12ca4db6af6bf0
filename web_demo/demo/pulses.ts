import type { LinkState } from './director.js'
import { h } from './element.js'
import { moves } from './motion.js'

export interface Point { readonly x: number, readonly y: number }

/** Pulses under way at once; a further one is not drawn. */
const MOST = 12
const UNDER_WAY = { duration: 700, easing: 'ease-in-out' }

/** Small dots that go from the node that made a commit to the others. */
export class Pulses {
  #underWay = 0

  constructor (private readonly picture: HTMLElement, private readonly places: ReadonlyMap<string, Point>) {}

  from (node: string, links: readonly LinkState[]): void {
    if (!moves() || document.hidden) return
    for (const { between, up } of links) {
      if (!up || !between.includes(node) || this.#underWay >= MOST) continue
      this.#send(this.places.get(node)!, this.places.get(between[0] === node ? between[1] : between[0])!)
    }
  }

  #send (from: Point, to: Point): void {
    const dot = h('i', { class: 'pulse' })
    this.picture.append(dot)
    this.#underWay += 1
    const at = ({ x, y }: Point): Keyframe => ({ translate: `${x}px ${y}px` })
    dot.animate([at(from), at(to)], UNDER_WAY).finished.finally(() => {
      this.#underWay -= 1
      dot.remove()
    })
  }
}
