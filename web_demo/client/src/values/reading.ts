import { ProtocolError } from '../errors.js'
import { CalendarDate, DateTime } from './dates.js'
import { tagOf, type Atom, type Scalar } from './values.js'
import { isList, isObject, objectOf, short, TAG, type Wire, type WireObject } from './wire.js'

/** Most digits of a tagged integer that are read. */
const MAX_INT_DIGITS = 4_000
const DIGITS = /^-?(?:0|[1-9]\d*)$/

/** The value of what has come. Raises ProtocolError for a tag that is none. */
export function fromWire (wire: Wire): unknown {
  if (isList(wire)) return wire.map(fromWire)
  if (!isObject(wire)) return wire
  return Object.hasOwn(wire, TAG) ? fromTagged(wire) : fromEntries(wire)
}

function fromEntries (wire: WireObject): unknown {
  return objectOf(Object.entries(wire).map(([key, item]) => [key, fromWire(item)]))
}

function fromTagged (wire: WireObject): unknown {
  const content = wire.v ?? null
  try {
    switch (tagOf(wire)) {
      case 'dict': if (isObject(content)) return fromEntries(content); break
      case 'set': if (isList(content)) return new Set(content.map(fromWire)); break
      case 'map': if (isList(content)) return new Map(content.map(pairOf)); break
      default: {
        const scalar = scalarOf(tagOf(wire), content)
        if (scalar !== undefined) return scalar
      }
    }
  } catch (error) {
    throw new ProtocolError(`a malformed ${short(wire[TAG])}: ${error instanceof Error ? error.message : ''}`)
  }
  throw new ProtocolError(`a malformed tag: ${short(wire[TAG])}`)
}

function pairOf (pair: Wire): [unknown, unknown] {
  if (!isList(pair) || pair.length !== 2) throw new ProtocolError('an entry is no pair')
  return [fromWire(pair[0]!), fromWire(pair[1]!)]
}

function scalarOf (name: string | undefined, content: Wire): Scalar | undefined {
  if (typeof content !== 'string') return undefined
  switch (name) {
    case 'int': return integerOf(content)
    case 'datetime': return new DateTime(content)
    case 'date': return new CalendarDate(content)
    case 'bytes': return Uint8Array.from(atob(content), letter => letter.charCodeAt(0))
    default: return undefined
  }
}

function integerOf (digits: string): number | bigint | undefined {
  if (digits.length > MAX_INT_DIGITS || !DIGITS.test(digits)) return undefined
  const integer = BigInt(digits)
  return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer
}

/** The element or key of what has come, which is an atom. */
export function atomFromWire (wire: Wire): Atom {
  return fromWire(wire) as Atom
}
