import type { Operation } from '../protocol/requests.js'
import type { Wire } from '../values/index.js'

/** Where a handle sends its operations: a database, or a transaction that buffers. */
export interface Port {
  /** Carry out `operations` on one collection, all or none. */
  write (collection: string, operations: readonly Operation[]): Promise<void>
  /** The answer in the form that travels; everything it shows is durable. */
  read (collection: string, read: Operation): Promise<Wire>
}

/** A structure of a collection: its kind and where it is, `[name]` for a root, `['records', key, field]` for a field. */
export interface Target { readonly kind: string, readonly path: readonly string[] }

export const RECORDS: Target = { kind: 'records', path: ['records'] }

/** Where a collection declares its indexes: a dictionary whose keys say which fields they are of. */
export const INDEXES: Target = { kind: 'dict', path: ['protobase:indexes'] }

export function operation (target: Target, verb: string, args: readonly Wire[]): Operation {
  return [target.kind, target.path, verb, args]
}
