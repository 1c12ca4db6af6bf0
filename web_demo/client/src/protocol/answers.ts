import { errorOf, ProtocolError, type ProtoBaseError } from '../errors.js'
import { isObject, objectOf, short, unpack, type Wire, type WireObject } from '../values/index.js'
import { Fields, isCount } from './fields.js'

/** Those limits of a server that a client has to know, as `welcome` tells them. */
export interface WelcomeLimits {
  readonly messageBytes: number
  readonly answerBytes: number
  readonly heartbeatSeconds: number
  readonly requests: number
  readonly subscriptions: number
  readonly credit: number
  readonly presences: number
  readonly operations: number
  /** 0: a server that knows no views. */
  readonly difference: number
  /** 0: a server that knows no `seen`. */
  readonly seen: number
}

/** A change on the wire. */
export interface ChangeForm {
  readonly structure: string
  readonly kind: string
  readonly key: Wire
  readonly before: Wire
  readonly after: Wire
  readonly cursor: string
  readonly author: string | null
  readonly omitted: readonly string[]
  readonly splice: readonly [start: number, deleted: number, inserted: string] | null
}

/** A change of a view's rows on the wire. */
export type RowChangeForm =
  | readonly ['insert' | 'update', number, WireObject]
  | readonly ['delete', number]
  | readonly ['move', number, number, WireObject]

export type Answer =
  | { readonly type: 'welcome', readonly session: string, readonly limits: WelcomeLimits }
  | { readonly type: 'result', readonly id: number, readonly value: Wire, readonly more: boolean }
  | { readonly type: 'error', readonly id: number | null, readonly error: ProtoBaseError }
  | { readonly type: 'changes', readonly subscription: number, readonly changes: readonly ChangeForm[] }
  | Difference
  | { readonly type: 'ended', readonly subscription: number, readonly error: ProtoBaseError }
  | { readonly type: 'presence', readonly collection: string, readonly states: ReadonlyMap<number, Wire>, readonly complete: boolean }
  | { readonly type: 'expiring', readonly seconds: number }
  | { readonly type: 'bye', readonly reason: string }

export interface Difference {
  readonly type: 'difference'
  readonly subscription: number
  readonly cursor: string
  readonly reset: boolean
  readonly more: boolean
  readonly changes: readonly RowChangeForm[]
}

/** What a server's frame says, null for a type that is not known here. Raises ProtocolError when it is no message. */
export function decodeAnswer (frame: Uint8Array): Answer | null {
  const message = unpack(frame)
  if (!isObject(message)) throw new ProtocolError(`a message is an object, not ${short(message)}`)
  const type = new Fields(message, 'message').text('type')
  const fields = new Fields(message, type)
  switch (type) {
    case 'welcome': return { type, session: fields.text('session'), limits: parseLimits(fields.part('limits')) }
    case 'result': return parseResult(fields)
    case 'error': return { type, id: fields.optionalCount('id'), error: parseError(fields) }
    case 'changes': return { type, subscription: fields.count('subscription'), changes: fields.items('changes').map(parseChange) }
    case 'difference': return parseDifference(fields)
    case 'ended': return { type, subscription: fields.count('subscription'), error: parseError(fields) }
    case 'presence': return parsePresence(fields)
    case 'expiring': return { type, seconds: fields.number('seconds') }
    case 'bye': return { type, reason: fields.text('reason') }
    default: return null
  }
}

function parseLimits (limits: Fields): WelcomeLimits {
  return {
    messageBytes: limits.count('message_bytes'),
    answerBytes: limits.count('answer_bytes'),
    heartbeatSeconds: limits.number('heartbeat_seconds'),
    requests: limits.count('requests'),
    subscriptions: limits.count('subscriptions'),
    credit: limits.count('credit'),
    presences: limits.count('presences'),
    operations: limits.count('operations'),
    difference: limits.optionalCount('difference') ?? 0,
    seen: limits.optionalCount('seen') ?? 0
  }
}

function parseResult (fields: Fields): Answer {
  const more = fields.optionalFlag('more')
  if (more) fields.items('value')
  return { type: 'result', id: fields.count('id'), value: fields.value('value'), more }
}

function parseError (fields: Fields): ProtoBaseError {
  return errorOf(fields.text('code'), fields.text('message'), fields.flag('retryable'))
}

function parseDifference (fields: Fields): Difference {
  return {
    type: 'difference',
    subscription: fields.count('subscription'),
    cursor: fields.text('cursor'),
    reset: fields.flag('reset'),
    more: fields.flag('more'),
    changes: fields.items('changes').map(parseRowChange)
  }
}

function parsePresence (fields: Fields): Answer {
  const states = new Map<number, Wire>()
  for (const [client, state] of Object.entries(fields.mapping('states'))) {
    if (!/^\d+$/.test(client)) throw new ProtocolError(`presence.states has client ids as keys, not ${short(client)}`)
    states.set(Number(client), state)
  }
  return { type: 'presence', collection: fields.text('collection'), states, complete: fields.flag('complete') }
}

function parseChange (raw: Wire): ChangeForm {
  if (!isObject(raw)) throw new ProtocolError(`changes.changes has to hold objects, not ${short(raw)}`)
  const fields = new Fields(raw, 'changes.changes')
  return {
    structure: fields.text('structure'),
    kind: fields.text('kind'),
    key: fields.value('key'),
    before: fields.value('before'),
    after: fields.value('after'),
    cursor: fields.text('cursor'),
    author: fields.optionalText('author'),
    omitted: fields.has('omitted') ? parseOmitted(fields.items('omitted')) : [],
    splice: fields.has('splice') ? parseSplice(fields.items('splice')) : null
  }
}

function parseOmitted (names: readonly Wire[]): string[] {
  return names.map(name => name === 'before' || name === 'after' ? name : wrong('changes.changes.omitted', 'before and after', name))
}

function parseSplice (parts: readonly Wire[]): readonly [number, number, string] {
  const [start, deleted, inserted] = parts
  if (parts.length === 3 && isCount(start) && isCount(deleted) && typeof inserted === 'string') return [start, deleted, inserted]
  return wrong('changes.changes.splice', '[start, deleted, inserted]', parts)
}

const SHAPES: Readonly<Record<string, string>> = objectOf(Object.entries({
  insert: 'count row', update: 'count row', delete: 'count', move: 'count count row'
}))

function parseRowChange (raw: Wire): RowChangeForm {
  if (Array.isArray(raw) && typeof raw[0] === 'string' && Object.hasOwn(SHAPES, raw[0])) {
    const shape = raw.slice(1).map((part: Wire) => isCount(part) ? 'count' : isObject(part) ? 'row' : 'other').join(' ')
    if (shape === SHAPES[raw[0]]) return raw as unknown as RowChangeForm
  }
  return wrong('difference.changes', `one of ${Object.keys(SHAPES).join(', ')} with its positions and row`, raw)
}

function wrong (where: string, expected: string, found: unknown): never {
  throw new ProtocolError(`${where} has to hold ${expected}, not ${short(found)}`)
}
