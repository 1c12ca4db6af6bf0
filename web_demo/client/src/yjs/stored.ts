import { ValidationError } from '../errors.js'
import { fromWire, isList, isObject, objectOf, tagOf, toWire, type Wire, type WireObject } from '../values/index.js'

/** Largest total of one replica that is read, in bits (docs/protocol.md). */
const MAX_TOTAL_BITS = 13_064

/** What a value has not, and what merges has: sets, and the keys of dictionaries. */
const NAMES = { set: 'Set', map: 'Map with a key that is no string' }

/** What is stored in a document for a value: integers that a number has not exactly are tagged. Raises ValidationError. */
export function toDoc (value: unknown): Wire {
  return exact(toWire(value))
}

function exact (wire: Wire): Wire {
  if (typeof wire === 'bigint') return { '@': 'int', v: String(wire) }
  if (isList(wire)) return wire.map(exact)
  if (!isObject(wire)) return wire
  const tag = tagOf(wire)
  if (tag === 'set' || tag === 'map') throw new ValidationError(`a value has a ${NAMES[tag]}, which is none; use a list`)
  return tag === 'dict' ? { ...wire, v: partsOf(wire.v as WireObject) } : partsOf(wire)
}

/** Each part as it is stored: keys of an object in a tag may be anything. */
function partsOf (object: WireObject): WireObject {
  return objectOf(Object.entries(object).map(([key, part]) => [key, exact(part)]))
}

/** The value of what is in a document, whatever a Yjs client has put there: a tag that is none is an object. */
export function fromDoc (stored: unknown): unknown {
  if (typeof stored !== 'object' || stored === null || stored instanceof Uint8Array) return fromScalar(stored)
  if ('toJSON' in stored && typeof stored.toJSON === 'function') return fromDoc(stored.toJSON())
  if (Array.isArray(stored)) return stored.map(fromDoc)
  try {
    if ('@' in stored) return fromWire(stored as Wire)
  } catch {
    // not ours: read as the object it is
  }
  return objectOf(Object.entries(stored).map(([key, part]) => [key, fromDoc(part)]))
}

function fromScalar (stored: unknown): unknown {
  if (stored === undefined || (typeof stored === 'number' && !Number.isFinite(stored))) return null
  return stored
}

/** The integer that an entry of a counter holds, 0 for anything else. */
export function integerIn (stored: unknown): bigint {
  const value = fromDoc(stored)
  if (typeof value !== 'bigint' && !(Number.isSafeInteger(value) && !Object.is(value, -0))) return 0n
  const integer = BigInt(value as number)
  return (integer < 0n ? -integer : integer).toString(2).length <= MAX_TOTAL_BITS ? integer : 0n
}

/** A number where it is exact, else a bigint. */
export function numberOf (integer: bigint): number | bigint {
  return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer
}
