import { ValidationError } from '../errors.js'
import { fromWire, type Wire } from '../values/index.js'
import { Handle } from './handle.js'
import { listOf, type Kind } from './kind.js'

export const LIST: Kind<readonly Wire[]> = {
  name: 'list',
  whole: 'values',
  restore: listOf,
  ofField: field => field === null ? [] : listOf(field),
  toField: plain => plain,
  replay (plain, action, args) {
    const [start, deleted, inserted] = extent(plain.length, action, args)
    requireRange(`list.${action}`, start, deleted, plain.length)
    return plain.toSpliced(start, deleted, ...inserted)
  },
  answer (plain, method, args) {
    if (method === 'count') return plain.length
    if (method !== 'get') return plain.slice(indexOf(args[0] ?? null), indexOf(args[1] ?? null))
    const found = plain.at(Number(args[0]))
    if (found === undefined) throw new ValidationError(`list.get: index ${String(args[0])} is out of range; the length is ${plain.length}`)
    return found
  }
}

function indexOf (index: Wire): number | undefined {
  return index === null ? undefined : Number(index)
}

/** Where an action deletes how many items and inserts which. */
function extent (length: number, action: string, args: readonly Wire[]): [number, number, readonly Wire[]] {
  switch (action) {
    case 'insert': return [Number(args[0]), 0, listOf(args[1]!)]
    case 'extend': return [length, 0, listOf(args[0]!)]
    case 'set': return [Number(args[0]), 1, [args[1]!]]
    case 'clear': return [0, length, []]
    default: return [Number(args[0]), Number(args[1] ?? 1), []]
  }
}

/** Raises ValidationError unless `count` items from `start` are within `length`. */
export function requireRange (what: string, start: number, count: number, length: number): void {
  if (start >= 0 && count >= 0 && start + count <= length) return
  throw new ValidationError(`${what}: index ${count > 0 ? `${start} to ${start + count}` : start} is out of range; the length is ${length}`)
}

/** A sequence; concurrent inserts are all kept. */
export class List<V = unknown> extends Handle {
  append (value: V): Promise<void> { return this.write('extend', [value]) }
  extend (values: readonly V[]): Promise<void> { return this.write('extend', values) }
  /** Insert one value before the index. */
  insert (index: number, value: V): Promise<void> { return this.write('insert', index, [value]) }
  set (index: number, value: V): Promise<void> { return this.write('set', index, value) }
  /** Remove `count` values from the index on. */
  delete (index: number, count = 1): Promise<void> { return this.write('delete', index, count) }
  clear (): Promise<void> { return this.write('clear') }
  /** The value at the index, counted from the end if negative. Raises ValidationError out of range. */
  async get (index: number): Promise<V> { return fromWire(await this.read('get', index)) as V }
  /** The values from `start` to before `stop`, as `Array.slice` has them. */
  async slice (start: number | null = null, stop: number | null = null): Promise<V[]> {
    return fromWire(await this.read('slice', start, stop)) as V[]
  }

  async values (): Promise<V[]> { return fromWire(await this.read('values')) as V[] }
  async count (): Promise<number> { return await this.read('count') as number }
}
