import { useCallback, useEffect, useState, useSyncExternalStore } from 'react'
import type { Database } from './database.js'
import type { LiveQuery, LiveState } from './live.js'
import type { Presence } from './presence.js'
import type { Params } from './query/expressions.js'
import type { Query } from './query/query.js'
import type { Status } from './status.js'
import { keyOfWire, toWire } from './values/index.js'

const NOTHING: LiveState<never> = { rows: [], ready: false, error: undefined }
const NOBODY: ReadonlyMap<number, never> = new Map<number, never>()
const ignore = (): void => {}

/** The rows of a query, kept current while the component is mounted. A query that says the same stays open. */
export function useLiveQuery<T> (db: Database, query: Query<T>, params: Params = {}): LiveState<T> {
  const form = keyOfWire(query.form(params))
  const [live, setLive] = useState<LiveQuery<T>>()
  useEffect(() => {
    const opened = db.live(query, { params })
    opened.open().catch(ignore) // its `state` tells of it
    setLive(opened)
    return () => { opened.close() }
  }, [db, form])
  return useStore(live, () => live?.state ?? NOTHING)
}

/** Everybody's states in a collection by client id while the component is mounted, and the id of this client. */
export interface PresenceState<S> { readonly states: ReadonlyMap<number, S>, readonly client: number | undefined }

/** Who else is in a collection. The others are shown `state`, whatever it is from time to time; undefined for nothing. */
export function usePresence<S> (db: Database, collection: string, state?: S): PresenceState<S> {
  const shown = state === undefined ? undefined : keyOfWire(toWire(state))
  const [presence, setPresence] = useState<Presence<S>>()
  useEffect(() => {
    const opened = db.presence<S>(collection)
    opened.open().then(() => { setPresence(opened) }, ignore)
    return () => { opened.close() }
  }, [db, collection])
  useEffect(() => {
    presence?.set(state ?? null).catch(ignore) // it may have been left meanwhile
  }, [presence, shown])
  return { states: useStore(presence, () => presence?.states ?? NOBODY), client: presence?.client }
}

/** How a database is connected. */
export function useStatus (db: Database): Status {
  const subscribe = useCallback((listener: () => void) => db.onStatus(listener), [db])
  const read = (): Status => db.status
  return useSyncExternalStore(subscribe, read, read)
}

/** What `read` gives of a thing that tells of its changes. */
function useStore<V> (thing: { onChange (listener: () => void): () => void } | undefined, read: () => V): V {
  const subscribe = useCallback((listener: () => void) => thing?.onChange(listener) ?? ignore, [thing])
  return useSyncExternalStore(subscribe, read, read)
}
