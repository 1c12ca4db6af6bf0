import { KindMismatch } from '../errors.js'
import { isList, isObject, short, type Wire, type WireObject } from '../values/index.js'

/**
 * What a kind of structure does to a plain value, for transactions that read what they wrote.
 *
 * `P` is the plain value; those of before stay as they are.
 */
export interface Kind<P> {
  readonly name: string
  /** The question whose answer tells everything. */
  readonly whole: string
  /** The plain value of that answer. */
  restore (answer: Wire): P
  /** The plain value of what a record's field holds, null for nothing. */
  ofField (field: Wire): P
  toField (plain: P): Wire
  /** The plain value that an action makes. Raises what the server would. */
  replay (plain: P, action: string, args: readonly Wire[]): P
  /** The answer to a question. */
  answer (plain: P, method: string, args: readonly Wire[]): Wire
}

/** Raises KindMismatch for what is no list. */
export function listOf (wire: Wire): readonly Wire[] {
  if (!isList(wire)) throw new KindMismatch(`${short(wire)} is no list`)
  return wire
}

/** Raises KindMismatch for what is no object. */
export function objectIn (wire: Wire): WireObject {
  if (!isObject(wire)) throw new KindMismatch(`${short(wire)} is no object`)
  return wire
}

/** Raises KindMismatch for what is no string. */
export function textOf (wire: Wire | undefined): string {
  if (typeof wire !== 'string') throw new KindMismatch(`${short(wire)} is no string`)
  return wire
}

/** Raises KindMismatch for what is no integer. */
export function integerOf (wire: Wire | undefined): bigint {
  if (typeof wire === 'bigint' || Number.isSafeInteger(wire)) return BigInt(wire as number)
  if (isObject(wire) && wire['@'] === 'int') return BigInt(textOf(wire.v))
  throw new KindMismatch(`${short(wire)} is no integer`)
}
