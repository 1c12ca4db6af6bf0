/** The element of the page that has this id, of the kind that it is there. */
export function byId<T extends HTMLElement = HTMLElement> (id: string): T {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no #${id}`)
  return found as T
}

/** A new element, with what is in it. */
export function make<K extends keyof HTMLElementTagNameMap> (
  name: K, properties: Partial<HTMLElementTagNameMap[K]> = {}, ...children: ReadonlyArray<Node | string>
): HTMLElementTagNameMap[K] {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

/** Have an element say something; nothing is touched where it says so already. */
export function say (element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** Put these in the place of what is in an element; those that stay, stay. */
export function fill (parent: Element, children: readonly Element[]): void {
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null)
  })
  while (parent.children.length > children.length) parent.lastElementChild?.remove()
}
