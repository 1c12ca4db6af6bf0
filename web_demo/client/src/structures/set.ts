import { atomFromWire, atomToWire, byCodePoint, isList, isObject, keyText, type Atom, type Wire } from '../values/index.js'
import { Handle } from './handle.js'
import { listOf, type Kind } from './kind.js'

/** The plain value is the elements by their texts. */
export const SET: Kind<ReadonlyMap<string, Wire>> = {
  name: 'set',
  whole: 'values',
  restore: elementsOf,
  ofField: field => isObject(field) && field['@'] === 'set' && isList(field.v) ? elementsOf(field.v) : elementsOf(field ?? []),
  toField: plain => ({ '@': 'set', v: sorted(plain) }),
  replay (plain, action, args) {
    if (action === 'clear') return new Map()
    const made = new Map(plain)
    for (const element of args) {
      if (action === 'add') made.set(keyText(element), element)
      else made.delete(keyText(element))
    }
    return made
  },
  answer (plain, method, args) {
    if (method === 'contains') return plain.has(keyText(args[0]!))
    return method === 'values' ? sorted(plain) : plain.size
  }
}

function elementsOf (wire: Wire): Map<string, Wire> {
  return new Map(listOf(wire).map(element => [keyText(element), element]))
}

/** What is under texts, in their order. */
export function sorted<T> (byText: ReadonlyMap<string, T>): T[] {
  return [...byText].sort((one, other) => byCodePoint(one[0], other[0])).map(([, each]) => each)
}

/** A set in which a concurrent add wins over a remove. */
export class AddWinsSet<E = Atom> extends Handle {
  add (...elements: E[]): Promise<void> { return this.write('add', ...elements.map(checked)) }
  /** Remove elements; one that is not there stays so. */
  remove (...elements: E[]): Promise<void> { return this.write('remove', ...elements.map(checked)) }
  clear (): Promise<void> { return this.write('clear') }
  async contains (element: E): Promise<boolean> { return await this.read('contains', checked(element)) as boolean }
  /** All elements; lists among them are different ones to a `Set` of JavaScript, even if they hold the same. */
  async values (): Promise<Set<E>> { return new Set(listOf(await this.read('values')).map(each => atomFromWire(each) as E)) }
  async count (): Promise<number> { return await this.read('count') as number }
}

/** The element or key as it is stored: -0 is 0. Raises ValidationError for what is none. */
export function checked<E> (element: E): E {
  atomToWire(element, 'an element or key')
  return withoutSign(element) as E
}

function withoutSign (atom: unknown): unknown {
  return Array.isArray(atom) ? atom.map(withoutSign) : atom === 0 ? 0 : atom
}
