import type { Clock } from '../clock.js'
import { Conflict, ProtoBaseError } from '../errors.js'
import type { ClientLimits } from '../limits.js'
import type { Contenders } from './contenders.js'
import { Transaction, type Backend, type TransactionOptions } from './transaction.js'

/** How an attempt ended: with the result, or as what was read is another answer now, and what the work raised then. */
type Attempt<R> = { readonly result: R } | { readonly conflict: Conflict, readonly raised?: { readonly error: unknown } }

type Work<R> = (tx: Transaction) => R | Promise<R>

/**
 * Run `work(tx)`, commit what it wrote and return what it returned.
 *
 * After a Conflict `work` runs again on a fresh transaction, so it should have no effect outside it. The first attempt
 * is optimistic. Later ones keep out other `contenders` for the collections that the last one read or wrote.
 *
 * What `work` raises counts only if all that it had read is still so then: else `work` runs again, too. So nobody is
 * told of what came of half of another transaction. After the last attempt it counts anyway.
 *
 * Raises Conflict when the last of `limits.transactAttempts` failed, and whatever `work` or the commit raises otherwise.
 */
export async function transact<R> (
  backend: Backend,
  work: Work<R>,
  { contenders, limits, clock, options }: { contenders: Contenders, limits: ClientLimits, clock: Clock, options?: TransactionOptions | undefined }
): Promise<R> {
  const begin = (): Transaction => new Transaction(backend, limits, options)
  const tx = begin()
  const first = await attempt(tx, work, clock)
  if ('result' in first) return first.result
  return await contenders.alone(tx.collections, async () => {
    let last = first
    for (let tries = 1; tries < limits.transactAttempts; tries++) {
      const next = await attempt(begin(), work, clock)
      if ('result' in next) return next.result
      last = next
    }
    if (last.raised !== undefined) throw last.raised.error // it may be a mistake of `work`: programs try a Conflict again
    throw new Conflict(`gave up after ${limits.transactAttempts} attempts (transactAttempts): ${last.conflict.message}`)
  })
}

/** What it reads is of different moments until the commit, so `work` may fail on what never was. */
async function attempt<R> (tx: Transaction, work: Work<R>, clock: Clock): Promise<Attempt<R>> {
  let worked = false
  try {
    const result = await work(tx)
    worked = true
    await tx.commit()
    return { result }
  } catch (error) {
    if (error instanceof Conflict) return { conflict: error }
    const conflict = !worked && isOfTheData(error) ? await tx.outdated(clock) : null
    if (conflict === null) throw error
    return { conflict, raised: { error } }
  } finally {
    tx.rollback()
  }
}

/** Whether it can come of what was read: not of an end of waiting, or of what may be tried again. */
function isOfTheData (error: unknown): boolean {
  if (error instanceof ProtoBaseError) return !error.retryable
  return !(error instanceof DOMException && ['AbortError', 'TimeoutError'].includes(error.name))
}
