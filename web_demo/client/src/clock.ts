/** Time as a client sees it: a parameter, so that tests have their own. */
export interface Clock {
  /** Seconds since some moment; they only grow. */
  now (): number
  /** Calls `then` after so many seconds, unless what is returned is called before. */
  after (seconds: number, then: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now() / 1000,
  after (seconds, then) {
    const timer = setTimeout(then, seconds * 1000)
    return () => { clearTimeout(timer) }
  }
}

/** Draws from 0 to below 1. */
export type Random = () => number
