import { oncePerFrame } from './frames.js'

/** Samples that are kept; the oldest goes. */
const KEPT = 240

/** What was measured lately, in milliseconds. */
export class Latency {
  readonly samples: number[] = []
  total = 0
  readonly #listeners = new Set<() => void>()
  readonly #tell = oncePerFrame(() => { for (const listener of this.#listeners) listener() })

  add (ms: number): void {
    this.samples.push(ms)
    if (this.samples.length > KEPT) this.samples.shift()
    this.total += 1
    this.#tell()
  }

  /** What so much of the samples do not exceed; undefined without any. */
  quantile (part: number): number | undefined {
    const sorted = [...this.samples].sort((one, other) => one - other)
    return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]
  }

  onChange (listener: () => void): void {
    this.#listeners.add(listener)
    listener()
  }
}

/** A duration for people. */
export function milliseconds (ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}
