import { Behind, type ProtoBaseError } from '../errors.js'
import { fromWire, isList, isObject, type Wire } from '../values/index.js'
import { Fields } from './fields.js'
import type { Question, Request } from './requests.js'
import type { ClientStream, ClientView } from './streams.js'

/** What a client has seen, so that it finds all of that again at whichever server it goes to next: the cursor of the
 * last acknowledged write to each collection; that of streams and views they know. */
export class ClientSeen {
  readonly #written = new Map<string, string>()

  /** Remembers `most` collections; above that, the one that was written longest ago is forgotten. */
  constructor (private readonly most: number) {}

  /** The server has carried out a request. Raises ProtocolError if the receipt of a commit is none. */
  answered (request: Request, value: Wire): void {
    if (request.type === 'commit') this.#acknowledge(receiptOf(value).cursors)
    else if (request.type === 'drop' || request.type === 'erase') this.#written.delete(request.collection)
  }

  /** The server has not; what it says that it can never have is no more insisted on. */
  refused (request: Request, error: ProtoBaseError): void {
    if (!(error instanceof Behind) || error.retryable) return
    for (const collection of collectionsOf(request)) this.#written.delete(collection)
  }

  /** What a new connection begins with, for a server that takes `most` cursors; null for nothing. Of what is too
   * much, streams and views and then what was written longest ago is left out. */
  question (streams: Iterable<ClientStream | ClientView>, most: number): Question | null {
    const cursors = new Map<string, string[]>()
    const views: string[] = []
    for (const [collection, cursor] of this.#told(streams).slice(0, most)) {
      if (collection === null) views.push(cursor)
      else cursors.set(collection, [...cursors.get(collection) ?? [], cursor])
    }
    return cursors.size + views.length > 0 ? { type: 'seen', cursors, views } : null
  }

  #acknowledge (cursors: ReadonlyMap<string, string>): void {
    for (const [collection, cursor] of cursors) {
      this.#written.delete(collection)
      this.#written.set(collection, cursor)
    }
    for (const oldest of this.#written.keys()) {
      if (this.#written.size <= this.most) return
      this.#written.delete(oldest)
    }
  }

  /** Every cursor once, with its collection; a view's has none. */
  #told (streams: Iterable<ClientStream | ClientView>): Array<[string | null, string]> {
    const told: Array<[string | null, string]> = [...this.#written].reverse()
    for (const { opened, collection, cursor } of streams) if (opened && cursor !== null) told.push([collection, cursor])
    return [...new Map(told.map(each => [JSON.stringify(each), each])).values()]
  }
}

/** The acknowledgement of a durable commit: a cursor for each collection it wrote, and on how many nodes it is. */
export interface Receipt { readonly cursors: ReadonlyMap<string, string>, readonly nodes: number }

/** Raises ProtocolError. */
export function receiptOf (value: Wire): Receipt {
  const told = new Fields({ value }, 'result').part('value')
  const cursors = new Fields({ cursors: fromWire(told.mapping('cursors')) as Wire }, 'result.value').mapping('cursors')
  const checked = new Fields(cursors, 'cursors')
  return {
    cursors: new Map(Object.keys(cursors).map(name => [name, checked.text(name)])),
    nodes: told.optionalCount('nodes') ?? 1
  }
}

/** The collections that a request reads or writes. */
export function collectionsOf (request: Request): Set<string> {
  switch (request.type) {
    case 'read': case 'subscribe': return new Set([request.collection])
    case 'commit': return new Set([...request.writes.keys(), ...request.checks.map(check => check[0])])
    case 'query': case 'watch': return new Set(sourcesOf(request.query))
    default: return new Set()
  }
}

/** The collections that a query's form names, those of the queries inside it, too. */
function * sourcesOf (form: Wire): Generator<string> {
  if (isList(form)) for (const part of form) yield * sourcesOf(part)
  if (!isObject(form)) return
  if (typeof form.from === 'string') yield form.from
  for (const part of Object.values(form)) yield * sourcesOf(part)
}
