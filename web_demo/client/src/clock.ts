/** Time as a client sees it: a parameter, so that tests have their own. */
export interface Clock {
  /** Seconds since some moment; they only grow. */
  now (): number
  /** Calls `then` after so many seconds, unless what is returned is called before. */
  after (seconds: number, then: () => void): () => void
}

/** One timer counts 2 ** 31 milliseconds at most; with more it is over at once. */
const LONGEST_SECONDS = 2_000_000

export const systemClock: Clock = {
  now: () => performance.now() / 1000,
  after (seconds, then) {
    let timer: ReturnType<typeof setTimeout>
    const wait = (left: number): void => {
      const part = Math.min(left, LONGEST_SECONDS)
      timer = setTimeout(() => { if (left > part) wait(left - part); else then() }, part * 1000)
    }
    wait(seconds)
    return () => { clearTimeout(timer) }
  }
}

/** The result of `work`; after so many seconds without one it raises what `late` gives. */
export function within<T> (clock: Clock, seconds: number, work: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopTimer = clock.after(seconds, () => { reject(late()) })
    work.then(resolve, reject).finally(stopTimer)
  })
}

/** Draws from 0 to below 1. */
export type Random = () => number
