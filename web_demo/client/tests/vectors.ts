import { readFileSync } from 'node:fs'
import { fromWire, toWire, type Wire } from '../src/values/index.js'

const FOLDER = new URL('../../../tests/vectors/', import.meta.url)

/** Vectors that the Python client does, too. */
export function vectors<T> (name: string): T {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')) as T
}

/** The form that travels in MessagePack of a value's JSON form. */
export function wireOf (json: unknown): Wire {
  return toWire(fromWire(json as Wire))
}

export function hex (bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

export function bytesOf (digits: string): Uint8Array {
  return Uint8Array.from(Buffer.from(digits, 'hex'))
}
