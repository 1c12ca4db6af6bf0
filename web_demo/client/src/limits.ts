import { ValidationError } from './errors.js'

/** What a client holds and how long it waits; the comment says what happens at the limit. */
export interface ClientLimits {
  /** For the first connection: `connect` raises Unavailable. */
  readonly connectSeconds: number
  /** For one connection with its welcome: the next attempt follows. */
  readonly attemptSeconds: number
  /** The same where there are other addresses; doubles with every attempt there. */
  readonly switchSeconds: number
  /**
   * Where there are others, then the server is asked, and left after as much. A page is not told of parts of an answer: one that
   * takes twice as long on its way is never had.
   */
  readonly silenceSeconds: number
  /** Before the second attempt; doubles with every further one. */
  readonly backoffSeconds: number
  /** Longest pause between attempts; attempts go on until `close`. */
  readonly maxBackoffSeconds: number
  /** For a call: Unavailable, or OutcomeUnknown for a commit that was sent. */
  readonly callSeconds: number
  /** Calls that wait, streams and live queries: Overloaded. */
  readonly calls: number
  /** Written to, and so found again elsewhere: the oldest write is forgotten. */
  readonly seenCollections: number
  /** Changes that a stream holds for a slow reader: the server waits. */
  readonly credit: number
  /** Longest message of a server: the connection is closed with ProtocolError. */
  readonly answerBytes: number
  /** Writes of one transaction: LimitExceeded. */
  readonly transactionOperations: number
  /** Bytes that they take, packed: LimitExceeded. */
  readonly transactionBytes: number
  /** Different questions whose answers one transaction relies on: LimitExceeded. */
  readonly transactionReads: number
  /** Tries of `transact` before it gives up with Conflict, or with what its work raised then. */
  readonly transactAttempts: number
  /** For whether what the work of `transact` had read is still so when it raises something: then that is raised. */
  readonly recheckSeconds: number
  /** For others of this client that try again before: Overloaded. */
  readonly turnSeconds: number
}

export const DEFAULT_LIMITS: ClientLimits = {
  connectSeconds: 10,
  attemptSeconds: 10,
  switchSeconds: 0.5,
  silenceSeconds: 5,
  backoffSeconds: 0.1,
  maxBackoffSeconds: 10,
  callSeconds: 30,
  calls: 10_000,
  seenCollections: 1024,
  credit: 1024,
  answerBytes: 17 * 1024 * 1024,
  transactionOperations: 10_000,
  transactionBytes: 16 * 1024 * 1024,
  transactionReads: 20_000,
  transactAttempts: 32,
  recheckSeconds: 1,
  turnSeconds: 60
}

/** All limits: those given, and the defaults of the others. Raises ValidationError for what is none. */
export function limitsOf (given: Partial<ClientLimits>): ClientLimits {
  for (const [name, value] of Object.entries(given)) {
    if (!(name in DEFAULT_LIMITS)) {
      throw new ValidationError(`there is no limit '${name}'; there are ${Object.keys(DEFAULT_LIMITS).join(', ')}`)
    }
    const [isRight, right] = name.endsWith('Seconds') ? [Number.isFinite, 'a number of seconds'] : [Number.isInteger, 'a whole number']
    if (!isRight(value) || value <= 0) throw new ValidationError(`limits.${name} is ${String(value)}; expected ${right} above 0`)
  }
  return { ...DEFAULT_LIMITS, ...given }
}
