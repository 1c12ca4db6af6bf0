/** What browsers have that move an element with its focus, its transitions and all. */
type Mover = HTMLElement & { moveBefore?: (element: Node, before: Node | null) => void }

/**
 * Put elements into a list, in this order.
 *
 * Each stands at its place by a transform (`.stack` in the styles), to which it glides; so no change of the order shifts
 * the page, and nothing has to be measured.
 */
export function stack (list: Mover, elements: readonly HTMLElement[]): void {
  elements.forEach((element, at) => {
    element.style.setProperty('--at', String(at))
    if (list.children[at] !== element) put(list, element, list.children[at] ?? null)
  })
}

function put (list: Mover, element: HTMLElement, before: Node | null): void {
  if (list.moveBefore !== undefined && element.isConnected) return list.moveBefore(element, before)
  const focused = document.activeElement
  list.insertBefore(element, before)
  if (focused instanceof HTMLElement && element.contains(focused)) focused.focus({ preventScroll: true })
}
