import { packCanonical } from './packing.js'
import type { Wire } from './wire.js'

const DIGEST_BYTES = 8
const BLOCK_BYTES = 128

/** The first 64 bits of the fractional parts of the square roots of the first 8 primes, halves with the lesser first. */
const START = [
  0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a,
  0xade682d1, 0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19
]

/** Which words of a block each of the ten different rounds takes. */
const SIGMA = [
  '0123456789abcdef', 'ea489fd61c02b753', 'b8c052fdae367194', '7931dcbe265a40f8', '905724afe1bc683d',
  '2c6a0b834d75fe19', 'c51fed4a0763928b', 'db7ec13950f4862a', '6fe9b308c2d714a5', 'a2847615fb9e3cd0'
].map(row => Array.from(row, digit => Number.parseInt(digit, 16)))

/** 8 bytes that equal values share and others, in practice, do not: BLAKE2b (RFC 7693) of their canonical MessagePack. */
export function digest (wire: Wire): Uint8Array {
  return blake2b(packCanonical(wire))
}

/** BLAKE2b with a digest of 8 bytes and no key, on halves of its 64-bit words. */
export function blake2b (message: Uint8Array): Uint8Array {
  const state = Uint32Array.from(START)
  state[0]! ^= 0x01010000 ^ DIGEST_BYTES
  const blocks = Math.max(1, Math.ceil(message.length / BLOCK_BYTES))
  for (let block = 0; block < blocks; block++) {
    const start = block * BLOCK_BYTES
    const end = Math.min(start + BLOCK_BYTES, message.length)
    compress(state, message.subarray(start, end), end, block === blocks - 1)
  }
  return new Uint8Array(state.buffer.slice(0, DIGEST_BYTES))
}

function compress (state: Uint32Array, bytes: Uint8Array, count: number, last: boolean): void {
  const words = new Uint32Array(32)
  bytes.forEach((byte, at) => { words[at >> 2]! |= byte << (8 * (at & 3)) })
  const v = new Uint32Array(32)
  v.set(state)
  v.set(START, 16)
  v[24]! ^= count >>> 0
  v[25]! ^= Math.floor(count / 2 ** 32)
  if (last) {
    v[28] = ~v[28]!
    v[29] = ~v[29]!
  }
  for (let round = 0; round < 12; round++) mixAll(v, words, SIGMA[round % 10]!)
  for (let at = 0; at < 16; at++) state[at]! ^= v[at]! ^ v[at + 16]!
}

function mixAll (v: Uint32Array, words: Uint32Array, order: readonly number[]): void {
  for (let at = 0; at < 8; at++) {
    const diagonal = at >> 2
    const column = (step: number): number => 4 * step + (at + step * diagonal) % 4
    mix(v, column(0), column(1), column(2), column(3), words, order[2 * at]!, order[2 * at + 1]!)
  }
}

function mix (v: Uint32Array, a: number, b: number, c: number, d: number, words: Uint32Array, x: number, y: number): void {
  add(v, a, v[2 * b]!, v[2 * b + 1]!)
  add(v, a, words[2 * x]!, words[2 * x + 1]!)
  turn(v, d, a, 32)
  add(v, c, v[2 * d]!, v[2 * d + 1]!)
  turn(v, b, c, 24)
  add(v, a, v[2 * b]!, v[2 * b + 1]!)
  add(v, a, words[2 * y]!, words[2 * y + 1]!)
  turn(v, d, a, 16)
  add(v, c, v[2 * d]!, v[2 * d + 1]!)
  turn(v, b, c, 63)
}

function add (v: Uint32Array, to: number, low: number, high: number): void {
  const sum = v[2 * to]! + low
  v[2 * to + 1] = v[2 * to + 1]! + high + (sum >= 2 ** 32 ? 1 : 0)
  v[2 * to] = sum
}

/** `v[of] = (v[of] ^ v[by])` turned right by 16, 24, 32 or 63 bits. */
function turn (v: Uint32Array, of: number, by: number, bits: number): void {
  const low = v[2 * of]! ^ v[2 * by]!
  const high = v[2 * of + 1]! ^ v[2 * by + 1]!
  const [one, other] = bits >= 32 ? [high, low] : [low, high]
  const rest = bits % 32
  v[2 * of] = rest === 0 ? one : (one >>> rest) | (other << (32 - rest))
  v[2 * of + 1] = rest === 0 ? other : (other >>> rest) | (one << (32 - rest))
}
