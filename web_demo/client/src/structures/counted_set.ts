import { atomFromWire, fromWire, isList, isObject, keyText, toWire, type Atom, type Wire } from '../values/index.js'
import { entriesOf } from './dict.js'
import { Handle } from './handle.js'
import { integerOf, listOf, type Kind } from './kind.js'
import { checked, sorted } from './set.js'

type Counts = ReadonlyMap<string, readonly [element: Wire, count: bigint]>

/** The plain value is the elements with their counts, by their texts. */
export const COUNTED_SET: Kind<Counts> = {
  name: 'counted_set',
  whole: 'items',
  restore: answer => countsOf(listOf(answer).map(listOf)),
  ofField: field => field === null ? new Map() : countsOf(pairsOf(field)),
  toField: plain => toWire(new Map(sorted(plain).map(([element, count]) => [fromWire(element), count]))),
  replay (plain, action, args) {
    const [element, n] = [args[0]!, integerOf(args[1] ?? 1)]
    const text = keyText(element)
    const count = (plain.get(text)?.[1] ?? 0n) + (action === 'add' ? n : -n)
    const made = new Map(plain)
    if (count > 0n) made.set(text, [element, count])
    else made.delete(text)
    return made
  },
  answer (plain, method, args) {
    if (method === 'count_of') return toWire(plain.get(keyText(args[0]!))?.[1] ?? 0)
    if (method === 'items') return sorted(plain).map(([element, count]) => [element, toWire(count)])
    return toWire([...plain.values()].reduce((sum, [, count]) => sum + count, 0n))
  }
}

function countsOf (pairs: ReadonlyArray<readonly Wire[]>): Counts {
  return new Map(pairs.map(([element, count]) => [keyText(element!), [element!, integerOf(count)]]))
}

/** The pairs of a dictionary on the wire, whatever its keys are. */
function pairsOf (field: Wire): ReadonlyArray<readonly Wire[]> {
  return isObject(field) && field['@'] === 'map' && isList(field.v) ? field.v.map(listOf) : [...entriesOf(field)]
}

/** A multiset: how often each element is there adds up. */
export class CountedSet<E = Atom> extends Handle {
  add (element: E, n: number | bigint = 1): Promise<void> { return this.write('add', checked(element), n) }
  /** Remove the element `n` times, or as often as it is there. */
  remove (element: E, n: number | bigint = 1): Promise<void> { return this.write('remove', checked(element), n) }
  async countOf (element: E): Promise<number> { return fromWire(await this.read('count_of', checked(element))) as number }
  async items (): Promise<Map<E, number>> {
    return new Map(listOf(await this.read('items')).map(listOf).map(([element, count]) => [atomFromWire(element!) as E, fromWire(count!) as number]))
  }

  /** How many elements there are, each as often as it is there. */
  async count (): Promise<number> { return fromWire(await this.read('count')) as number }
}
