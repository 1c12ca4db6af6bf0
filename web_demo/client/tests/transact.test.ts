import { expect, test, vi } from 'vitest'
import type { Clock } from '../src/clock.js'
import { Conflict, NotReplicated, RecordMissing } from '../src/errors.js'
import { DEFAULT_LIMITS } from '../src/limits.js'
import { Contenders } from '../src/transactions/contenders.js'
import { transact } from '../src/transactions/transact.js'
import type { Backend, Transaction } from '../src/transactions/transaction.js'

/** Time that is over as soon as somebody waits for it. */
const over: Clock = { now: () => 0, after: (_: number, then: () => void) => { queueMicrotask(then); return () => {} } }
/** Time that does not pass. */
const stopped: Clock = { now: () => 0, after: () => () => {} }

type Work = (tx: Transaction) => unknown

/** Runs `work` on a database whose commits end as `commit` does. */
async function run (work: Work, commit: Backend['commit'], { clock = stopped, transactAttempts = 4 } = {}): Promise<unknown> {
  const backend: Backend = { commit, read: async () => null, write: async () => {} }
  const limits = { ...DEFAULT_LIMITS, transactAttempts }
  return await transact(backend, work, { contenders: new Contenders(stopped, 60), limits, clock })
}

/** Work that reads a record, and raises `error`. */
const failing = (error: unknown) => async (tx: Transaction): Promise<void> => {
  await tx.collection('tasks').get('a')
  throw error
}

test('what is raised is raised where all that was read is still so', async () => {
  const commit = vi.fn(async () => ({ cursors: new Map(), nodes: 1 }))
  await expect(run(failing(new RangeError('mine')), commit)).rejects.toThrow('mine')
  expect(commit.mock.calls).toMatchObject([[{ writes: new Map(), checks: [['tasks', { 2: 'get' }, {}]], durability: 'local' }]])
})

test('the work runs again where it is not', async () => {
  const error = new RangeError('half')
  const commit = vi.fn<Backend['commit']>(async () => ({ cursors: new Map(), nodes: 1 })).mockRejectedValueOnce(new Conflict('changed'))
  const work = vi.fn<Work>(async () => 'done').mockImplementationOnce(failing(error))
  expect(await run(work, commit)).toBe('done')
})

test('what is raised in the last attempt is raised whatever it had read', async () => {
  const work = vi.fn(failing(new RecordMissing('there is none')))
  const commit = vi.fn(async () => { throw new Conflict('changed') })
  await expect(run(work, commit, { transactAttempts: 3 })).rejects.toThrow('there is none')
  expect(work).toHaveBeenCalledTimes(3)
})

test('nobody waits for long to learn whether it is still so', async () => {
  await expect(run(failing(new RangeError('mine')), async () => await new Promise(() => {}), { clock: over })).rejects.toThrow('mine')
})

test('what is raised counts where that cannot be found out', async () => {
  const commit = async (): Promise<never> => { throw new NotReplicated('odd') }
  await expect(run(failing(new RangeError('mine')), commit)).rejects.toThrow('mine')
})

test.each([
  ['the end of a wait', new DOMException('late', 'TimeoutError')],
  ['what may be tried again', Object.assign(new RecordMissing('later'), { retryable: true })],
  ['what had read nothing', null]
])('%s is not looked up', async (_, error) => {
  const commit = vi.fn()
  const work = error === null ? () => { throw new RangeError('mine') } : failing(error)
  await expect(run(work, commit)).rejects.toThrow(error?.message ?? 'mine')
  expect(commit).not.toHaveBeenCalled()
})
