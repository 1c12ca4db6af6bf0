import { decode } from '@msgpack/msgpack'
import { ProtocolError, ValidationError } from '../errors.js'
import { byCodePoint } from './order.js'
import { checkText } from './text.js'
import { isList, MAX_WIRE_DEPTH, objectOf, type Wire, type WireObject } from './wire.js'

const UTF8 = new TextEncoder()

/**
 * MessagePack in its shortest form. Raises ValidationError for what has none.
 *
 * The library's encoder takes integers of 64 bits for floats, -0 for 0, and has no order of keys by code point:
 * digests would differ from the server's.
 */
export function pack (wire: Wire, canonical = false): Uint8Array {
  const writer = new Writer(canonical)
  writer.write(wire, 0)
  return writer.bytes()
}

/** The bytes that all of equal values have: the keys of objects are sorted. */
export function packCanonical (wire: Wire): Uint8Array {
  return pack(wire, true)
}

class Writer {
  #bytes = new Uint8Array(512)
  #view = new DataView(this.#bytes.buffer)
  #at = 0

  constructor (private readonly canonical: boolean) {}

  bytes (): Uint8Array {
    return this.#bytes.slice(0, this.#at)
  }

  write (wire: Wire, depth: number): void {
    if (depth > MAX_WIRE_DEPTH) throw new ValidationError(`a value is nested deeper than ${MAX_WIRE_DEPTH} levels`)
    if (wire === null) this.#byte(0xc0)
    else if (typeof wire === 'boolean') this.#byte(wire ? 0xc3 : 0xc2)
    else if (typeof wire === 'string') this.#text(wire)
    else if (typeof wire === 'number') this.#number(wire)
    else if (typeof wire === 'bigint') this.#integer(wire)
    else if (wire instanceof Uint8Array) this.#binary(wire)
    else if (isList(wire)) this.#list(wire, depth)
    else this.#object(wire, depth)
  }

  /** The encoder takes every half of a surrogate pair for U+FFFD: two different names would be one. */
  #text (text: string): void {
    const bytes = UTF8.encode(checkText(text, 'a text or name'))
    if (bytes.length < 32) this.#byte(0xa0 | bytes.length)
    else this.#head(bytes.length, 0xd9, 0xda, 0xdb)
    this.#put(bytes)
  }

  #binary (bytes: Uint8Array): void {
    this.#head(bytes.length, 0xc4, 0xc5, 0xc6)
    this.#put(bytes)
  }

  #number (number: number): void {
    if (Number.isSafeInteger(number) && !Object.is(number, -0)) return this.#integer(number)
    this.#byte(0xcb)
    const at = this.#grow(8)
    this.#view.setFloat64(at, number)
  }

  #integer (number: number | bigint): void {
    if (number >= 0) {
      if (number < 128) this.#byte(Number(number))
      else if (number < 2 ** 32) this.#head(Number(number), 0xcc, 0xcd, 0xce)
      else this.#wide(0xcf, number)
    } else if (number >= -32) this.#byte(Number(number) & 0xff)
    else if (number >= -(2 ** 7)) this.#byte(0xd0, Number(number) & 0xff)
    else if (number >= -(2 ** 15)) this.#byte(0xd1, ...bytesOf(Number(number), 2))
    else if (number >= -(2 ** 31)) this.#byte(0xd2, ...bytesOf(Number(number), 4))
    else this.#wide(0xd3, number)
  }

  #wide (kind: number, number: number | bigint): void {
    this.#byte(kind)
    const at = this.#grow(8)
    this.#view.setBigUint64(at, BigInt.asUintN(64, BigInt(number)))
  }

  #list (items: readonly Wire[], depth: number): void {
    if (items.length < 16) this.#byte(0x90 | items.length)
    else this.#head(items.length, undefined, 0xdc, 0xdd)
    for (const item of items) this.write(item, depth + 1)
  }

  #object (object: WireObject, depth: number): void {
    const keys = Object.keys(object)
    if (this.canonical) keys.sort(byCodePoint)
    if (keys.length < 16) this.#byte(0x80 | keys.length)
    else this.#head(keys.length, undefined, 0xde, 0xdf)
    for (const key of keys) {
      this.#text(key)
      this.write(object[key] ?? null, depth + 1)
    }
  }

  /** A count of one, two or four bytes, each form with its own first byte. */
  #head (count: number, one: number | undefined, two: number, four: number): void {
    if (one !== undefined && count < 2 ** 8) this.#byte(one, count)
    else if (count < 2 ** 16) this.#byte(two, ...bytesOf(count, 2))
    else this.#byte(four, ...bytesOf(count, 4))
  }

  #byte (...bytes: number[]): void {
    this.#put(bytes)
  }

  #put (bytes: ArrayLike<number>): void {
    const at = this.#grow(bytes.length) // first: it may exchange what is written to
    this.#bytes.set(bytes, at)
  }

  /** Where the next bytes go. */
  #grow (count: number): number {
    const at = this.#at
    this.#at += count
    if (this.#at > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#at, this.#bytes.length * 2))
      larger.set(this.#bytes)
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    return at
  }
}

/** The last so many bytes of an integer, the greatest first. */
function bytesOf (integer: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => (integer >>> (8 * (count - 1 - at))) & 0xff)
}

/** What MessagePack bytes hold. Raises ProtocolError when they are none. */
export function unpack (bytes: Uint8Array): Wire {
  try {
    return exact(decode(bytes, { useBigInt64: true, keyDecoder: KEYS }) as Wire, 0)
  } catch (error) {
    throw new ProtocolError(`not MessagePack of a message: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const PROTO = /^\0*__proto__$/
const TEXT = new TextDecoder('utf-8', { ignoreBOM: true })

/** The library refuses the key `__proto__`, which a record may have: it is given another one on the way. */
const KEYS = {
  canBeCached: () => true,
  decode (bytes: Uint8Array, at: number, length: number): string {
    const key = TEXT.decode(bytes.subarray(at, at + length))
    return PROTO.test(key) ? `\0${key}` : key
  }
}

/** The keys as they came, and numbers where JavaScript has them exactly. */
function exact (wire: Wire, depth: number): Wire {
  if (depth > MAX_WIRE_DEPTH) throw new ProtocolError(`a value is nested deeper than ${MAX_WIRE_DEPTH} levels`)
  if (typeof wire === 'bigint') return Number.isSafeInteger(Number(wire)) ? Number(wire) : wire
  if (isList(wire)) return wire.map(item => exact(item, depth + 1))
  if (typeof wire !== 'object' || wire === null || wire instanceof Uint8Array) return wire
  return objectOf(Object.entries(wire).map(([key, value]) => [PROTO.test(key) ? key.slice(1) : key, exact(value, depth + 1)]))
}
