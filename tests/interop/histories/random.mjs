// Choices that are the same for the same seed, on every machine.

export class Random {
  constructor (seed) {
    this.state = seed >>> 0
  }

  // A whole number from 0 to n - 1.
  below (n) {
    this.state = (this.state + 0x6D2B79F5) >>> 0
    let mixed = this.state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n
  }

  pick (list) {
    return list[this.below(list.length)]
  }

  // True in one of n cases.
  oneIn (n) {
    return this.below(n) === 0
  }

  // The same things in another order.
  shuffled (list) {
    const left = [...list]
    const drawn = []
    while (left.length) drawn.push(...left.splice(this.below(left.length), 1))
    return drawn
  }
}
