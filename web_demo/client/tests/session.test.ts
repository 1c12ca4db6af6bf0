import { describe, expect, test } from 'vitest'
import { Closed, ProtoBaseError } from '../src/errors.js'
import type { Event } from '../src/protocol/events.js'
import type { Check, Durability, Operation } from '../src/protocol/requests.js'
import { ClientSession } from '../src/protocol/session.js'
import { fromWire, pack, unpack, type Wire, type WireObject } from '../src/values/index.js'
import { vectors, wireOf } from './vectors.js'

interface Step { do: Wire, returns?: unknown, raises?: string, sends?: Wire[], tells?: Wire[] }
interface Script { name: string, credit: number, max_calls: number, max_seen: number, hello: Wire, steps: Step[] }

type Verb = (session: ClientSession, ...args: any[]) => unknown

const VERBS: Record<string, Verb> = {
  welcomed: (session, message: Wire) => { session.welcomed(pack(message)) },
  receive: (session, message: Wire) => { session.receive(pack(message)) },
  disconnected: session => { session.disconnected() },
  read: (session, collection: string, read: Operation) => session.read(collection, read),
  commit: (session, writes: Record<string, Operation[]>, checks: Check[], author: string | null, durability: Durability | null) =>
    session.commit({ writes: new Map(Object.entries(writes)), checks, author, durability }),
  query: (session, query: WireObject, explain: boolean) => session.query(query, explain),
  drop: (session, collection: string) => session.ask({ type: 'drop', collection }),
  erase: (session, collection: string, key: string | null) => session.ask({ type: 'erase', collection, key }),
  subscribe: (session, collection: string, since: string | null) => session.subscribe(collection, since),
  watch: (session, query: WireObject, since: string | null) => session.watch(query, since),
  resume: (session, id: number) => { session.resume(id) },
  consumed: (session, id: number, count: number) => { session.consumed(id, count) },
  unsubscribe: (session, id: number) => { session.unsubscribe(id) },
  join_presence: (session, collection: string, client: number) => { session.joinPresence(collection, client) },
  set_presence: (session, collection: string, client: number, state: Wire) => session.setPresence(collection, client, state),
  leave_presence: (session, collection: string, client: number) => { session.leavePresence(collection, client) },
  abandon: (session, id: number) => session.abandon(id),
  renew: (session, token) => session.renew(token),
  ping: session => { session.ping() },
  close: session => { session.close(new Closed('the end')) }
}

describe('the vectors of sessions', () => {
  test.each(vectors<Script[]>('sessions'))('$name', script => {
    const session = new ClientSession({
      client: 'vectors', credit: script.credit, maxCalls: script.max_calls, maxSeen: script.max_seen
    })
    expect(unpack(session.hello('t'))).toEqual(wireOf(script.hello))
    for (const step of script.steps) expect(outcome(session, step), JSON.stringify(step.do)).toEqual(expected(step))
  })
})

function expected ({ returns, raises, sends, tells }: Step): unknown {
  return { returns, raises, sends: (sends ?? []).map(wireOf), tells: (tells ?? []).map(fromWire) }
}

function outcome (session: ClientSession, step: Step): unknown {
  const [verb, ...args] = wireOf(step.do) as [string, ...Wire[]]
  let returns: unknown
  let raises: string | undefined
  try {
    returns = VERBS[verb]!(session, ...args)
  } catch (error) {
    if (!(error instanceof ProtoBaseError)) throw error
    raises = error.code
  }
  return { returns, raises, sends: [...session.outgoing()].map(unpack), tells: session.events().map(told) }
}

function told (event: Event): unknown {
  switch (event.event) {
    case 'failed': case 'interrupted': return { event: event.event, id: event.id, code: event.error.code }
    case 'answered': return { ...event, value: fromWire(event.value) }
    case 'delivered': return { ...event, changes: event.changes.map(({ omitted, splice, ...change }) => ({
      ...change, ...(omitted.length > 0 ? { omitted } : {}), ...(splice === null ? {} : { splice })
    })) }
    case 'presence': return { ...event, states: Object.fromEntries(event.states) }
    default: return event
  }
}
