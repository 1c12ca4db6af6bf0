import { fromWire, toWire } from '../values/index.js'
import { Handle } from './handle.js'
import { integerOf, type Kind } from './kind.js'

export const COUNTER: Kind<bigint> = {
  name: 'counter',
  whole: 'value',
  restore: integerOf,
  ofField: field => integerOf(field ?? 0),
  toField: plain => toWire(plain),
  replay: (plain, _action, args) => plain + integerOf(args[0]),
  answer: plain => toWire(plain)
}

/** A number that adds up what everybody adds. */
export class Counter extends Handle {
  /** Add `n`, which may be negative. */
  add (n: number | bigint = 1): Promise<void> { return this.write('add', n) }
  /** The sum of everything added; a bigint where a number would not be exact. */
  async value (): Promise<number> { return fromWire(await this.read('value')) as number }
}
