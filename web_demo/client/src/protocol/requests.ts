import { pack, wireObject, type Wire, type WireObject } from '../values/index.js'

export const VERSION = 1
export const SUBPROTOCOL = 'protobase-live.v1.msgpack'

/** `[kind, path, verb, arguments]`: one write or one question, its arguments in the form that travels. */
export type Operation = readonly [kind: string, path: readonly string[], verb: string, args: readonly Wire[]]
export type Check = readonly [collection: string, read: Operation, digest: Uint8Array]

/** `local`, `peers=K` or `majority`: on how many nodes a commit is to be durable before it is answered. */
export type Durability = 'local' | 'majority' | `peers=${number}`

export interface Hello { readonly token: string | null, readonly client: string }

export interface CommitFields {
  readonly writes: ReadonlyMap<string, readonly Operation[]>
  readonly checks: readonly Check[]
  readonly author: string | null
  readonly durability: Durability | null
}

/** What a client asks, each answered once. */
export type Question =
  | { readonly type: 'read', readonly collection: string, readonly read: Operation }
  | { readonly type: 'commit' } & CommitFields
  | { readonly type: 'query', readonly query: Wire, readonly explain: boolean }
  | {
    readonly type: 'subscribe', readonly collection: string, readonly since: string | null, readonly credit: number
    readonly structures?: ReadonlyArray<readonly [kind: string, name: string]>
  }
  | { readonly type: 'watch', readonly query: Wire, readonly since: string | null }
  | { readonly type: 'seen', readonly cursors: ReadonlyMap<string, readonly string[]>, readonly views: readonly string[] }
  | { readonly type: 'unsubscribe', readonly subscription: number }
  | { readonly type: 'join' | 'leave', readonly collection: string }
  | { readonly type: 'set', readonly collection: string, readonly client: number, readonly state: Wire }
  | { readonly type: 'ping' | 'cluster' }
  | { readonly type: 'renew', readonly token: string | null }
  | { readonly type: 'collections', readonly prefix: string, readonly after: string }
  | { readonly type: 'drop' | 'state_hash', readonly collection: string }
  | { readonly type: 'erase', readonly collection: string, readonly key: string | null }

export type Request = Question & { readonly id: number }

/** The frame of a request. */
export function encodeRequest (request: Request): Uint8Array {
  return pack(form(request))
}

/** The first frame of each connection. */
export function encodeHello (hello: Hello): Uint8Array {
  return pack({ type: 'hello', version: VERSION, token: hello.token, client: hello.client })
}

/** The frame that grants a stream more changes, which is not answered. */
export function encodeMore (subscription: number, credit: number): Uint8Array {
  return pack({ type: 'more', subscription, credit })
}

function form (request: Request): WireObject {
  switch (request.type) {
    case 'commit': return commitForm(request)
    case 'seen': return { type: 'seen', id: request.id, cursors: wireObject(request.cursors), views: request.views }
    default: return request
  }
}

function commitForm ({ id, writes, checks, author, durability }: CommitFields & { id: number }): WireObject {
  const made = { type: 'commit', id, writes: wireObject(writes), checks, author }
  return durability === null ? made : { ...made, durability }
}

/** Raises ValidationError for parts of a request that cannot be encoded. */
export function checkSendable (parts: readonly Wire[]): void {
  pack(parts)
}

/** Whether it opens a stream or view, which then has the id of this request. */
export function isOpening (request: Request): boolean {
  return request.type === 'subscribe' || request.type === 'watch'
}

/** Whether a request may be sent again when its connection is lost and nobody knows what became of it. */
export function repeatable (request: Request): boolean {
  return request.type === 'commit' ? request.writes.size === 0 : request.type !== 'drop' && request.type !== 'erase'
}
