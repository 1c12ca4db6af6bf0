// What editors expect of a browser. To be imported before them: some look for it as soon as they are loaded.

import { JSDOM } from 'jsdom'

// With an address, or there is no localStorage, where BlockNote keeps which blocks are folded.
const { window } = new JSDOM('<!doctype html><body></body>', { pretendToBeVisual: true, url: 'http://localhost/' })
const NAMES = [
  'document', 'Document', 'DocumentFragment', 'DOMParser', 'Element', 'Event', 'HTMLElement', 'HTMLAnchorElement',
  'KeyboardEvent', 'MutationObserver', 'Node', 'NodeFilter', 'Range', 'SVGElement', 'Selection', 'Text',
  'cancelAnimationFrame', 'getComputedStyle', 'getSelection', 'innerHeight', 'innerWidth', 'navigator', 'requestAnimationFrame',
  'XMLSerializer'
]
globalThis.window = window
// Newer versions of Node have some of them, not all to be assigned to.
for (const name of NAMES) Object.defineProperty(globalThis, name, { value: window[name], configurable: true, writable: true })

// There is no layout: everything is nowhere and has no size.
const nowhere = new window.DOMRect()
window.Range.prototype.getBoundingClientRect = () => nowhere
window.Range.prototype.getClientRects = () => []
window.Element.prototype.getClientRects = () => []
window.Element.prototype.scrollIntoView = () => {}
window.document.elementFromPoint = () => null

export function place () {
  return document.body.appendChild(document.createElement('div'))
}
