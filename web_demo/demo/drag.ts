import type { Column } from './data.js'
import { h } from './element.js'
import type { Place } from './place.js'

/** Pixels that a pointer moves before it drags: less is a click. */
const THRESHOLD = 4
/** How long a card that was let go of waits for being drawn at its new place. */
const LANDING_MS = 1_500

interface Held { readonly card: HTMLElement, readonly ghost: HTMLElement, readonly x: number, readonly y: number, place: Place | undefined }

/** Drag and drop by any pointer: a mouse takes a card anywhere but at its controls, a finger by its grip. */
export class Drag {
  readonly #mark = h('div', { class: 'drop-mark', hidden: true })
  #held: Held | undefined
  #landed: { readonly card: HTMLElement, readonly rect: DOMRect, readonly until: number } | undefined
  /** Whether the pointer that is down, or was the last one, has dragged: then it clicks nothing. */
  #dragged = false

  constructor (
    private readonly columns: HTMLElement,
    private readonly lists: ReadonlyMap<Column, HTMLUListElement>,
    private readonly drop: (key: string, place: Place) => void
  ) {
    columns.append(this.#mark)
    columns.addEventListener('pointerdown', event => { this.#press(event) })
    columns.addEventListener('click', event => { if (this.#dragged && event.detail > 0) event.stopPropagation() }, { capture: true })
  }

  /** Where the card was let go of that is about to be drawn at its new place. */
  landed (): Map<HTMLElement, DOMRect> {
    const landed = this.#landed
    this.#landed = undefined
    return landed === undefined || landed.until < performance.now() ? new Map() : new Map([[landed.card, landed.rect]])
  }

  #press (event: PointerEvent): void {
    this.#dragged = false
    const target = event.target as Element
    const card = target.closest<HTMLElement>('.card')
    const byGrip = target.closest('.grip') !== null
    const byHand = event.pointerType !== 'mouse'
    if (card === null || event.button !== 0 || (byHand && !byGrip) || target.closest('select, textarea, .votes') !== null) return
    const ends = new AbortController()
    const from = { x: event.clientX, y: event.clientY }
    const options = { signal: ends.signal }
    const end = (dropped: boolean): void => {
      ends.abort()
      if (this.#held !== undefined) this.#release(dropped)
    }
    addEventListener('pointermove', move => {
      const far = Math.hypot(move.clientX - from.x, move.clientY - from.y) >= THRESHOLD
      if (this.#held === undefined && far) this.#take(card, from)
      this.#follow(move.clientX, move.clientY)
    }, options)
    addEventListener('pointerup', () => { end(true) }, options)
    addEventListener('pointercancel', () => { end(false) }, options)
    addEventListener('keydown', key => { if (key.key === 'Escape') end(false) }, options)
  }

  #take (card: HTMLElement, from: { x: number, y: number }): void {
    const { left, top, width, height } = card.getBoundingClientRect()
    const ghost = card.cloneNode(true) as HTMLElement
    ghost.setAttribute('aria-hidden', 'true')
    ghost.classList.add('ghost')
    ghost.inert = true
    Object.assign(ghost.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` })
    document.body.append(ghost)
    card.classList.add('lifted')
    this.#held = { card, ghost, ...from, place: undefined }
    this.#dragged = true
  }

  #follow (x: number, y: number): void {
    const held = this.#held
    if (held === undefined) return
    getSelection()?.removeAllRanges()
    held.ghost.style.translate = `${x - held.x}px ${y - held.y}px`
    held.place = this.#placeAt(x, y, held.card)
    this.#showMark(held)
  }

  #placeAt (x: number, y: number, card: HTMLElement): Place | undefined {
    for (const [column, list] of this.lists) {
      const { left, right, top, bottom } = list.parentElement!.getBoundingClientRect()
      if (x < left || x > right || y < top - 20 || y > bottom + 20) continue
      const others = [...list.children].filter(each => each !== card)
      const below = others.findIndex(each => {
        const rect = each.getBoundingClientRect()
        return y < rect.top + rect.height / 2
      })
      return { column, at: below === -1 ? others.length : below }
    }
    return undefined
  }

  #showMark ({ card, place }: Held): void {
    this.#mark.hidden = place === undefined
    if (place === undefined) return
    const list = this.lists.get(place.column)!
    const origin = this.columns.getBoundingClientRect()
    const around = list.getBoundingClientRect()
    const others = [...list.children].filter(each => each !== card)
    const y = others[place.at]?.getBoundingClientRect().top ?? (others.at(-1)?.getBoundingClientRect().bottom ?? around.top) + 6
    Object.assign(this.#mark.style, { width: `${around.width}px`, transform: `translate(${around.left - origin.left}px, ${y - origin.top - 4}px)` })
  }

  #release (dropped: boolean): void {
    const { card, ghost, place } = this.#held!
    this.#held = undefined
    this.#mark.hidden = true
    card.classList.remove('lifted')
    const rect = ghost.getBoundingClientRect()
    ghost.remove()
    if (!dropped || place === undefined) return
    this.#landed = { card, rect, until: performance.now() + LANDING_MS }
    this.drop(card.dataset['key']!, place)
  }
}
