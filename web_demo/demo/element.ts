type Child = Node | string | null
type Attributes = Readonly<Record<string, string | number | boolean | EventListener | ((event: any) => void) | null>>

/** An element: attributes by name, listeners by `on...`, then what is in it; null is nothing. */
export function h<K extends keyof HTMLElementTagNameMap> (tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children)
}

/** The same for a picture. */
export function svg<K extends keyof SVGElementTagNameMap> (tag: K, attributes: Attributes = {}, ...children: Child[]): SVGElementTagNameMap[K] {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children)
}

function filled<E extends Element> (element: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as EventListener)
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(...children.filter(child => child !== null))
  return element
}

/** Write a text where it is another one: what is drawn stays as it is otherwise. */
export function setText (element: Element, text: string): boolean {
  if (element.textContent === text) return false
  element.textContent = text
  return true
}
