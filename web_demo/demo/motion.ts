const calm = matchMedia('(prefers-reduced-motion: reduce)')
const MOVE = { duration: 280, easing: 'cubic-bezier(.2, .8, .2, 1)' }
const APPEAR = { duration: 220, easing: 'ease-out' }
/** How long something is marked as new. */
const NEWS_MS = 900

/** Whether things may move; people can say in their system that they should not. */
export function moves (): boolean {
  return !calm.matches
}

/** Let an element glide from where it was seen to where it stands by now (FLIP: first, last, invert, play). */
export function glide (element: HTMLElement, from: DOMRect): void {
  if (!moves()) return
  const { left, top, width } = element.getBoundingClientRect()
  if (from.width > 0 && width > 0) element.animate([{ translate: `${from.left - left}px ${from.top - top}px` }, { translate: 'none' }], MOVE)
}

/**
 * Let a new element come into sight.
 *
 * It begins as good as unseen, not at 0: Chromium keeps no account of where something stands that cannot be seen, but does
 * of a part of it that is drawn anew meanwhile, and calls it a shift of that part when the element is put into its list again.
 */
export function appear (element: HTMLElement): void {
  if (moves()) element.animate([{ opacity: .01 }, { opacity: 1 }], APPEAR)
}

const marked = new WeakMap<HTMLElement, ReturnType<typeof setTimeout>>()

/** Show for a moment that something is other than before; by a class, as animated colours would cost every frame. */
export function flash (element: HTMLElement): void {
  clearTimeout(marked.get(element))
  element.classList.add('news')
  marked.set(element, setTimeout(() => { element.classList.remove('news') }, NEWS_MS))
}
