/**
 * Every error that this client raises on purpose, in one tree: that of the Python package, under the wire's codes.
 *
 * A retryable error says so in `retryable`: the same call may succeed later, unchanged.
 */
export class ProtoBaseError extends Error {
  /** What the wire calls this class. */
  static readonly code: string = 'proto_base_error'
  static readonly retryable: boolean = false

  /** The code of the error, which tells its class also where names are minified. */
  readonly code: string = (this.constructor as typeof ProtoBaseError).code
  retryable: boolean = (this.constructor as typeof ProtoBaseError).retryable
  override readonly name: string = pascalCase(this.code)
}

/** A value, name or argument is wrong; the message names it and what was expected. */
export class ValidationError extends ProtoBaseError { static override readonly code: string = 'validation_error' }
/** A collection, structure, key or field name is empty, too long or has a reserved form. */
export class InvalidName extends ValidationError { static override readonly code: string = 'invalid_name' }
/** A structure was opened as one kind and is another. */
export class KindMismatch extends ValidationError { static override readonly code: string = 'kind_mismatch' }
/** An insert names a key that already has a record. */
export class RecordExists extends ProtoBaseError { static override readonly code: string = 'record_exists' }
/** An update names a key that has no record. */
export class RecordMissing extends ProtoBaseError { static override readonly code: string = 'record_missing' }
/** What a transaction had read was changed by somebody else before it committed. */
export class Conflict extends ProtoBaseError {
  static override readonly code: string = 'conflict'
  static override readonly retryable: boolean = true
}
/** A named limit was reached; the message says which and its value. */
export class LimitExceeded extends ProtoBaseError { static override readonly code: string = 'limit_exceeded' }
/** A queue is full at the moment; nothing was done. */
export class Overloaded extends LimitExceeded {
  static override readonly code: string = 'overloaded'
  static override readonly retryable: boolean = true
}
/** The token was not accepted. */
export class Unauthorized extends ProtoBaseError { static override readonly code: string = 'unauthorized' }
/** The permissions do not let who asks do this; the message names the action and the collection. */
export class Forbidden extends ProtoBaseError { static override readonly code: string = 'forbidden' }
/** The collection, the server or the connection failed: the call was not carried out. */
export class Unavailable extends ProtoBaseError {
  static override readonly code: string = 'unavailable'
  static override readonly retryable: boolean = true
}
/** The server lacks what was acknowledged or shown by another one; `retryable` is false for what it can never have. */
export class Behind extends Unavailable { static override readonly code: string = 'behind' }
/** No node that can be reached is the owner of the collections. */
export class NoOwner extends Unavailable { static override readonly code: string = 'no_owner' }
/** What is stored of a collection cannot be loaded: a matter for the operator. */
export class CollectionUnloadable extends Unavailable {
  static override readonly code: string = 'collection_unloadable'
  static override readonly retryable: boolean = false
}
/** The connection was lost while a commit was under way: it may or may not have happened. */
export class OutcomeUnknown extends ProtoBaseError { static override readonly code: string = 'outcome_unknown' }
/** A commit is durable, but not known to be on as many nodes as asked for. */
export class NotReplicated extends ProtoBaseError { static override readonly code: string = 'not_replicated' }
/** What was sent belongs to a collection that was deleted. */
export class CollectionDropped extends ProtoBaseError { static override readonly code: string = 'collection_dropped' }
/** The database, stream or connection was closed by its owner. */
export class Closed extends ProtoBaseError { static override readonly code: string = 'closed' }
/** The storage cannot be read or written. */
export class StorageFailed extends ProtoBaseError { static override readonly code: string = 'storage_failed' }
/** What came is not the protocol; the message says what was wrong. */
export class ProtocolError extends ProtoBaseError { static override readonly code: string = 'protocol_error' }
/** Bytes that are not a well-formed Yjs update. */
export class MalformedUpdate extends ProtocolError { static override readonly code: string = 'malformed_update' }

/** Every class of the tree, by its code. */
export const ERRORS: ReadonlyMap<string, typeof ProtoBaseError> = new Map([
  ProtoBaseError, ValidationError, InvalidName, KindMismatch, RecordExists, RecordMissing, Conflict, LimitExceeded,
  Overloaded, Unauthorized, Forbidden, Unavailable, Behind, NoOwner, CollectionUnloadable, OutcomeUnknown, NotReplicated,
  CollectionDropped, Closed, StorageFailed, ProtocolError, MalformedUpdate
].map(error => [error.code, error]))

/** The error that the wire tells of; a code that is not known here gives a `ProtoBaseError`. */
export function errorOf (code: string, message: string, retryable: boolean): ProtoBaseError {
  const known = ERRORS.get(code)
  const error = known === undefined ? new ProtoBaseError(`${code}: ${message}`) : new known(message)
  error.retryable = retryable
  return error
}

function pascalCase (code: string): string {
  return code.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
