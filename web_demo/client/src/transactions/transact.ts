import { Conflict } from '../errors.js'
import type { ClientLimits } from '../limits.js'
import type { Contenders } from './contenders.js'
import { Transaction, type Backend, type TransactionOptions } from './transaction.js'

/**
 * Run `work(tx)`, commit what it wrote and return what it returned.
 *
 * After a Conflict `work` runs again on a fresh transaction, so it should have no effect outside it. The first attempt
 * is optimistic. Later ones keep out other `contenders` for the collections that the last one read or wrote.
 *
 * Raises Conflict when the last of `limits.transactAttempts` failed, and whatever `work` or the commit raises otherwise.
 */
export async function transact<R> (
  backend: Backend,
  work: (tx: Transaction) => R | Promise<R>,
  { contenders, limits, options }: { contenders: Contenders, limits: ClientLimits, options?: TransactionOptions | undefined }
): Promise<R> {
  const tx = new Transaction(backend, limits, options)
  const first = await attempt(tx, work)
  if (!('conflict' in first)) return first.result
  return await contenders.alone(tx.collections, async () => {
    let { conflict } = first
    for (let tries = 1; tries < limits.transactAttempts; tries++) {
      const next = await attempt(new Transaction(backend, limits, options), work)
      if (!('conflict' in next)) return next.result
      conflict = next.conflict
    }
    throw new Conflict(`gave up after ${limits.transactAttempts} attempts (transactAttempts): ${conflict.message}`)
  })
}

async function attempt<R> (tx: Transaction, work: (tx: Transaction) => R | Promise<R>): Promise<{ result: R } | { conflict: Conflict }> {
  try {
    const result = await work(tx)
    await tx.commit()
    return { result }
  } catch (error) {
    tx.rollback()
    if (error instanceof Conflict) return { conflict: error }
    throw error
  }
}
