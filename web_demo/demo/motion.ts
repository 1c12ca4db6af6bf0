const calm = matchMedia('(prefers-reduced-motion: reduce)')
const MOVE = { duration: 280, easing: 'cubic-bezier(.2, .8, .2, 1)', id: 'move' }
const APPEAR = { duration: 220, easing: 'ease-out', id: 'appear' }

/** Whether things may move; people can say in their system that they should not. */
export function moves (): boolean {
  return !calm.matches
}

/**
 * Change where elements stand, and let each glide from where it was (FLIP: first, last, invert, play).
 *
 * Nothing shifts the page by that. `from` says where elements are seen that stand elsewhere, such
 * as one that was just let go of.
 */
export function glide (elements: Iterable<HTMLElement>, change: () => void, from: ReadonlyMap<HTMLElement, DOMRect> = new Map()): void {
  if (!moves()) return change()
  const first = new Map(Array.from(elements, each => [each, from.get(each) ?? each.getBoundingClientRect()]))
  for (const each of first.keys()) for (const animation of each.getAnimations()) if (animation.id === 'move') animation.cancel()
  change()
  for (const [element, was] of first) {
    if (!element.isConnected) continue
    const is = element.getBoundingClientRect()
    const x = was.left - is.left
    const y = was.top - is.top
    if (was.width > 0 && is.width > 0 && (x !== 0 || y !== 0)) element.animate([{ translate: `${x}px ${y}px` }, { translate: 'none' }], MOVE)
  }
}

/** Let a new element come into sight. */
export function appear (element: HTMLElement): void {
  if (moves()) element.animate([{ opacity: 0 }, { opacity: 1 }], APPEAR)
}

/** Show for a moment that something is other than before. */
export function flash (element: HTMLElement): void {
  const marked = getComputedStyle(element).getPropertyValue('--flash')
  element.animate([{ backgroundColor: marked }, { backgroundColor: 'transparent' }], { duration: 1200, easing: 'ease-out' })
}
