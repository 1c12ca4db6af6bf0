import type { ProtoBaseError } from '../errors.js'
import type { Wire } from '../values/index.js'
import type { ChangeForm, RowChangeForm } from './answers.js'

/** What a stream or view brings. */
export type News =
  /** A stream was opened for the first time: it gives everything after `cursor`. */
  | { readonly event: 'opened', readonly id: number, readonly cursor: string }
  /** The next changes of a stream, in order and once; `ClientSession.consumed` as they are used. */
  | { readonly event: 'delivered', readonly id: number, readonly changes: readonly ChangeForm[] }
  /** What happened to a view's rows up to `cursor`, as a whole; `reset`: the rows are to be forgotten first. */
  | { readonly event: 'differed', readonly id: number, readonly cursor: string, readonly reset: boolean, readonly changes: readonly RowChangeForm[] }

/** States of a collection's clients, null for one that is gone; `complete`: there are no others. */
export interface PresenceChanged {
  readonly event: 'presence'
  readonly collection: string
  readonly states: ReadonlyMap<number, Wire>
  readonly complete: boolean
}

/** What a `ClientSession` tells its owner. */
export type Event =
  | News
  | PresenceChanged
  /** The connection ends in so many seconds, unless a fresh token is presented: `ClientSession.renew`. */
  | { readonly event: 'expiring', readonly seconds: number }
  /** A call succeeded. */
  | { readonly event: 'answered', readonly id: number, readonly value: Wire }
  /** A call failed, or a stream or view is over. */
  | { readonly event: 'failed', readonly id: number, readonly error: ProtoBaseError }
  /** The server ended a stream or view for a passing reason; `ClientSession.resume` it after a while. */
  | { readonly event: 'interrupted', readonly id: number, readonly error: ProtoBaseError }
