/**
 * Put elements into a list, in this order.
 *
 * Each stands at its place by a transform (`.stack` in the styles), so that no change of the order shifts the page.
 */
export function stack (list: HTMLElement, elements: readonly HTMLElement[]): void {
  elements.forEach((element, at) => {
    if (list.children[at] !== element) list.insertBefore(element, list.children[at] ?? null)
    element.style.setProperty('--at', String(at))
  })
}
