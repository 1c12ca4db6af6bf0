// Random choices that are the same for the same seed.

const WORDS = ['one ', 'zwei', ' три', '四', 'a', 'b ', '😀', '👩‍👧 ', 'é', '\u{10ffff}']

export class Random {
  #state

  constructor (seed) {
    this.#state = seed >>> 0
    for (let i = 0; i < 8; i++) this.below(2) // seeds beside each other begin alike
  }

  // A whole number from 0 to `end` - 1. A linear congruential generator modulo 2 ** 32, its high bits first.
  below (end) {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
    return Math.floor(this.#state / 2 ** 32 * end)
  }

  pick (list) {
    return list[this.below(list.length)]
  }

  // Two whole numbers from 0 to `end`, the smaller one first, at most `length` apart.
  range (end, length) {
    const from = this.below(end + 1)
    return [from, Math.min(end, from + 1 + this.below(length))]
  }

  // The same in a text, without the halves of characters that are two UTF-16 code units: an editor's selection never
  // ends between them.
  span (text, length) {
    return this.range(text.length, length).map(index => /^[\udc00-\udfff]/.test(text.slice(index)) ? index - 1 : index)
  }

  word () {
    return this.pick(WORDS)
  }
}
