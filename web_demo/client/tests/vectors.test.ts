import { describe, expect, test } from 'vitest'
import { liveUrl } from '../src/address.js'
import { errorOf, ERRORS, ProtoBaseError } from '../src/errors.js'
import { DEFAULT_LIMITS, limitsOf } from '../src/limits.js'
import { LiveQuery } from '../src/live.js'
import type { Link, Subscriber } from '../src/link.js'
import type { RowChangeForm } from '../src/protocol/answers.js'
import { CalendarDate, count, F, max, query, sum, type Query } from '../src/index.js'
import { vectors, wireOf } from './vectors.js'

test('errors are one tree with the codes of the wire', () => {
  const found = [...ERRORS.values()].map(error => {
    const above = Object.getPrototypeOf(error) as typeof ProtoBaseError
    return [error.code, { parent: above.code ?? null, retryable: new error('').retryable }] as const
  })
  expect(Object.fromEntries(found)).toEqual(vectors('errors'))
})

test('an error has the name of its class and what the wire says', () => {
  const known = errorOf('behind', 'lacks n1', false)
  expect([known.name, known.message, known.retryable]).toEqual(['Behind', 'lacks n1', false])
  const unknown = errorOf('odd', 'what', true)
  expect([unknown.name, unknown.message, unknown.retryable]).toEqual(['ProtoBaseError', 'odd: what', true])
})

test('limits have the names and defaults of the Python client', () => {
  const python = vectors<Record<string, number>>('limits')
  delete python.close_seconds // a browser's WebSocket closes by itself
  delete python.absent_backoff_seconds // a browser does not tell why a WebSocket did not open
  for (const name of ['upgrade_seconds', 'http_seconds', 'post_seconds']) delete python[name] // of the way over HTTP
  const camel = Object.entries(python).map(([name, value]) => [name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()), value])
  const { turnSeconds, ...shared } = DEFAULT_LIMITS
  expect(turnSeconds).toBe(60) // Python refuses a transact within another one, for which this one may wait for ever
  expect(shared).toEqual(Object.fromEntries(camel))
})

test('a limit that is none is refused', () => {
  expect(() => limitsOf({ calls: 0 })).toThrow('limits.calls is 0')
  expect(() => limitsOf({ calls: 1.5 })).toThrow('limits.calls is 1.5; expected a whole number above 0')
  for (const seconds of [Infinity, NaN, -1, 0, '1' as unknown as number]) {
    expect(() => limitsOf({ callSeconds: seconds })).toThrow(`limits.callSeconds is ${seconds}; expected a number of seconds above 0`)
  }
  expect(() => limitsOf({ cals: 1 } as object)).toThrow("there is no limit 'cals'")
})

describe('the vectors of addresses', () => {
  test.each(Object.entries(vectors<Record<string, unknown>>('addresses')))('%s', (url, expected) => {
    let found: unknown
    try {
      found = liveUrl(url)
    } catch (error) {
      found = { raises: (error as ProtoBaseError).code }
    }
    expect(found).toEqual(expected)
  })
})

const QUERIES: Record<string, Query<any>> = {
  whole: query('tasks'),
  where: query('tasks').where(F('done').eq(false), F('priority').ge(3)),
  operators: query('tasks').where(F('labels').contains('x').and(F('owner').in(['ann', 'bob']), F('title').like('%y').not(), F('title').startsWith('W'))),
  constants: query('tasks').where(F('due').eq(new CalendarDate('2026-11-28')).or(F('size').eq(2n ** 70n), F('where').eq([1, 2]))),
  arithmetic: query('tasks').select('title', { score: F('priority').times(2).plus(F('votes')).minus(F('age').dividedBy(7).modulo(3)) }),
  'order and slice': query('tasks').orderBy('-priority', 'title').offset(2).limit(5),
  group: query('tasks').groupBy('owner', { n: count(), total: sum('priority'), top: max('due.day') }),
  join: query('tasks').join('users', { owner: 'name' }, { as: 'user', how: 'left' }).select('title', { team: F('user.team') }),
  union: query('tasks').union(query('notes').distinct()),
  'unnest and count': query('tasks').unnest('labels', 'label').count(),
  traverse: query('tasks').traverse('parent', 3, { reverse: true })
}

describe('the vectors of queries', () => {
  const expected = vectors<Record<string, unknown>>('queries')
  test('all of them', () => { expect(Object.keys(QUERIES)).toEqual(Object.keys(expected)) })
  test.each(Object.keys(QUERIES))('%s', name => { expect(QUERIES[name]!.form()).toEqual(wireOf(expected[name])) })
})

interface Diffs { name: string, steps: Array<{ reset: boolean, changes: RowChangeForm[], rows: unknown[] }> }

describe('the vectors of differences', () => {
  test.each(vectors<Diffs[]>('diffs'))('$name', async ({ steps }) => {
    const live = new LiveQuery<unknown>({} as Link, { from: 'tasks', steps: [] })
    const diffs: boolean[] = []
    live.onDiff(diff => diffs.push(diff.reset))
    for (const { reset, changes, rows } of steps) {
      (live as Subscriber).hear({ event: 'differed', id: 1, cursor: 'c', reset, changes })
      expect(live.rows).toEqual(rows)
    }
    expect(diffs).toEqual(steps.filter(step => step.reset || step.changes.length > 0).map(step => step.reset))
  })
})
