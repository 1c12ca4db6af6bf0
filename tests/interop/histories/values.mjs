// The plain values that histories store, and their text form, in which everything that can get lost is visible.

export const VALUES = [
  null, true, false, 0, 1, -1, 1.5, 2 ** 53, 'one', '', 'ä😀z', new Uint8Array([0, 255, 128]),
  [1, 'two', [3]], { a: { b: [true, null] } }
]

// What other engines like to change: the zero below zero, big integers, the order of the keys of an object.
export const DELICATE = [
  -0, BigInt(2) ** BigInt(53) + BigInt(1), BigInt(-5), [-0, BigInt(7)], { n: BigInt(9) }, { z: 1, a: { y: 2, b: 3 }, c: 4 }
]

// A value as JSON has it: what JSON cannot tell apart is an object with one key that begins with '$'.
export function visible (value) {
  if (typeof value === 'bigint') return { $bigint: String(value) }
  if (Object.is(value, -0)) return { $zero: '-' }
  if (value === undefined) return { $undefined: true }
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('hex') }
  if (Array.isArray(value)) return value.map(visible)
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, visible(inner)]))
  }
  return value
}
