import { ValidationError } from '../errors.js'
import { CalendarDate, DateTime } from './dates.js'
import { keyText } from './atoms.js'
import { byCodePoint } from './order.js'
import { checkText } from './text.js'
import { MAX_WIRE_DEPTH, short, TAG, tagged, wireObject, type Wire, type WireObject } from './wire.js'

/** What is one value by itself. Integers that a number has not exactly are bigints. */
export type Scalar = null | boolean | number | bigint | string | Uint8Array | DateTime | CalendarDate

/** What may be an element of a set or a key of a hash dictionary. */
export type Atom = Scalar | readonly Atom[]

/** What may be stored; a `Date` is written as a `DateTime`. Sets and maps stand in fields that merge, and in answers. */
export type Value =
  | Scalar | Date | readonly Value[] | { readonly [key: string]: Value } | ReadonlySet<unknown> | ReadonlyMap<unknown, unknown>

const SMALLEST = -(2n ** 63n)
const LARGEST = 2n ** 64n - 1n

/** The form of a value that travels, which nobody else holds. Raises ValidationError, which names `where`. */
export function toWire (value: unknown, where = 'a value', depth = 0): Wire {
  if (depth > MAX_WIRE_DEPTH) throw new ValidationError(`${where} is nested deeper than ${MAX_WIRE_DEPTH} levels`)
  switch (typeof value) {
    case 'boolean': return value
    case 'string': return checkText(value, where)
    case 'number': return checkNumber(value, where)
    case 'bigint': return integerToWire(value)
    case 'object': return value === null ? null : objectToWire(value, where, depth)
    default: throw wrong(value, where)
  }
}

function objectToWire (value: object, where: string, depth: number): Wire {
  if (value instanceof Uint8Array) return value.slice()
  if (value instanceof DateTime) return tagged('datetime', value.text)
  if (value instanceof Date) return tagged('datetime', new DateTime(value).text)
  if (value instanceof CalendarDate) return tagged('date', value.text)
  if (Array.isArray(value)) return Array.from(value, (item: unknown, at) => toWire(item, `${where}[${at}]`, depth + 1))
  if (value instanceof Set) return setToWire(value, where, depth)
  if (value instanceof Map) return mapToWire(value, where, depth)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw wrong(value, where)
  return entriesToWire(Object.entries(value), where, depth)
}

function entriesToWire (entries: Iterable<readonly [string, unknown]>, where: string, depth: number): WireObject {
  return wireObject(Array.from(entries, ([key, item]) => [checkText(key, where), toWire(item, `${where}['${key}']`, depth + 1)]))
}

function setToWire (elements: ReadonlySet<unknown>, where: string, depth: number): Wire {
  const texts = new Map<string, Wire>()
  for (const element of elements) {
    const wire = atomToWire(element, `${where}: an element`, depth + 1)
    texts.set(keyText(wire), wire)
  }
  return tagged('set', [...texts].sort(byText).map(([, wire]) => wire))
}

function mapToWire (map: ReadonlyMap<unknown, unknown>, where: string, depth: number): Wire {
  const pairs = [...map]
  if (pairs.every((pair): pair is [string, unknown] => typeof pair[0] === 'string')) return entriesToWire(pairs, where, depth)
  const texts = new Map<string, Wire>()
  for (const [key, item] of pairs) {
    const wire = atomToWire(key, `${where}: a key`, depth + 2)
    texts.set(keyText(wire), [wire, toWire(item, where, depth + 2)])
  }
  return tagged('map', [...texts].sort(byText).map(([, pair]) => pair))
}

/** The form of an element or key: scalars and lists of them. Raises ValidationError, which names `where`. */
export function atomToWire (atom: unknown, where: string, depth = 0): Wire {
  if (Array.isArray(atom)) return atom.map((item, at) => atomToWire(item, `${where}[${at}]`, depth + 1))
  const wire = toWire(atom, where, depth)
  const scalar = !(typeof atom === 'object' && atom !== null) || atom instanceof Uint8Array || atom instanceof Date ||
    atom instanceof DateTime || atom instanceof CalendarDate
  if (!scalar) throw new ValidationError(`${where} is ${short(atom)}; expected a scalar or a list of scalars`)
  return wire === 0 ? 0 : wire // -0 is the key 0
}

function byText (one: readonly [string, Wire], other: readonly [string, Wire]): number {
  return byCodePoint(one[0], other[0])
}

function checkNumber (number: number, where: string): number {
  if (!Number.isFinite(number)) throw new ValidationError(`${where} is ${number}; expected a finite number`)
  return number
}

function integerToWire (integer: bigint): Wire {
  if (Number.isSafeInteger(Number(integer))) return Number(integer)
  return integer >= SMALLEST && integer <= LARGEST ? integer : tagged('int', String(integer))
}

function wrong (value: unknown, where: string): ValidationError {
  const expected = 'null, boolean, number, bigint, string, Uint8Array, Date, DateTime, CalendarDate, list or object'
  return new ValidationError(`${where} is ${short(value)}; expected ${expected}`)
}

/** The text of a tag, as a reader of the tree needs it. */
export function tagOf (wire: WireObject): string | undefined {
  const name = wire[TAG]
  return typeof name === 'string' && Object.hasOwn(wire, 'v') && Object.keys(wire).length === 2 ? name : undefined
}
