import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from '../src/clock.js'

const DAY_SECONDS = 86_400

beforeEach(() => { vi.useFakeTimers() })
afterEach(() => { vi.useRealTimers() })

test.each([0, 1.5, 24 * DAY_SECONDS, 25 * DAY_SECONDS, 100 * DAY_SECONDS])('%d seconds are over after as many', seconds => {
  const then = vi.fn()
  systemClock.after(seconds, then)
  if (seconds > 0) vi.advanceTimersByTime(seconds * 1000 - 1)
  expect(then).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  vi.advanceTimersByTime(100 * DAY_SECONDS * 1000)
  expect(then).toHaveBeenCalledOnce()
})

test.each([0, 30])('what was stopped after %d days does not come', days => {
  const then = vi.fn()
  const stop = systemClock.after(60 * DAY_SECONDS, then)
  vi.advanceTimersByTime(days * DAY_SECONDS * 1000)
  stop()
  vi.advanceTimersByTime(60 * DAY_SECONDS * 1000)
  expect(then).not.toHaveBeenCalled()
})
