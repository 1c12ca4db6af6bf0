import { describe, expect, test } from 'vitest'
import { Closed, F, Overloaded, query, ValidationError, type Change, type Diff } from '../src/index.js'
import { client, fresh, Proxy, SERVER } from './server.js'
import { until } from './until.js'

async function take<T> (stream: AsyncIterable<T>, most: number): Promise<T[]> {
  const taken: T[] = []
  for await (const each of stream) {
    taken.push(each)
    if (taken.length === most) break
  }
  return taken
}

describe('a change stream', () => {
  test('tells what commits have done', async () => {
    const db = await client()
    const tasks = db.collection(fresh('tasks'))
    const changes = await tasks.changes().open()
    await tasks.insert({ title: 'a' }, 't1')
    await tasks.update('t1', { title: 'b' })
    await tasks.delete('t1')
    await tasks.set('tags').add('x')
    const told = await take(changes, 4)
    expect(told.map(({ kind, structure, key, before, after }) => [kind, structure, key, before, after])).toEqual([
      ['insert', 'records', 't1', null, { title: 'a' }],
      ['update', 'records', 't1', { title: 'a' }, { title: 'b' }],
      ['delete', 'records', 't1', { title: 'b' }, null],
      ['insert', 'tags', 'x', null, true]
    ])
    expect(changes.cursor).toBe(told.at(-1)!.cursor)
  })

  test('goes on from a cursor', async () => {
    const db = await client()
    const tasks = db.collection(fresh('tasks'))
    const changes = await tasks.changes().open()
    for (let n = 0; n < 5; n++) await tasks.insert({ n }, `t${n}`)
    const [, second] = await take(changes, 2)
    const rest = await take(tasks.changes({ since: second!.cursor }), 3)
    expect(rest.map(change => change.key)).toEqual(['t2', 't3', 't4'])
  })

  test('misses and repeats nothing when connections are cut, and holds no more than its credit', async () => {
    const proxy = await Proxy.start()
    const reader = await client(proxy.url, { limits: { credit: 4 } })
    const writer = await client()
    const name = fresh('tasks')
    const changes = await reader.collection(name).changes().open()
    const writing = (async () => {
      for (let n = 0; n < 60; n++) {
        await writer.collection(name).insert({ n }, `t${n}`)
        if (n % 7 === 0) proxy.cut()
      }
    })()
    const told = await take(changes, 60)
    await writing
    expect(told.map(change => (change.after as { n: number }).n)).toEqual(Array.from({ length: 60 }, (_, n) => n))
    expect(proxy.connections).toBeGreaterThan(2)
  })

  test('ends by a signal, and with its database', async () => {
    const db = await client()
    const tasks = db.collection(fresh('tasks'))
    const stop = new AbortController()
    const told: Change[] = []
    const followed = await tasks.changes({ signal: stop.signal }).open()
    await tasks.insert({}, 'a')
    await tasks.delete('a')
    for await (const change of followed) {
      told.push(change)
      if (told.length === 2) stop.abort()
    }
    expect(told.map(change => change.kind)).toEqual(['insert', 'delete'])
    await expect(tasks.changes({ since: 'odd' }).open()).rejects.toThrow("not a cursor: 'odd'")
    const changes = await tasks.changes().open()
    const reading = expect(take(changes, 1)).rejects.toThrow(Closed)
    db.close()
    await reading
    await expect(tasks.changes({ signal: AbortSignal.abort() }).open()).rejects.toThrow(Closed)
  })

  test('is one of no more than calls', async () => {
    const db = await client(SERVER, { limits: { calls: 1 } })
    const tasks = db.collection(fresh('tasks'))
    await tasks.changes().open()
    await expect(tasks.changes().open()).rejects.toThrow(Overloaded)
    await expect(tasks.count()).rejects.toThrow(Overloaded)
  })
})

describe('a live query', () => {
  test('gives rows whenever they have changed', async () => {
    const db = await client()
    const tasks = db.collection<{ n: number }>(fresh('tasks'))
    const seen: number[][] = []
    const diffs: Array<Diff<{ n: number }>> = []
    const live = db.live(query<{ n: number }>(tasks.name).where(F('n').gt(0)).orderBy('-n'))
    live.onDiff(diff => diffs.push(diff))
    for await (const rows of live) {
      seen.push(rows.map(row => row.n))
      if (seen.length === 1) await tasks.insert({ n: 1 }, 'a')
      else if (seen.length === 2) await tasks.insert({ n: 2 }, 'b')
      else if (seen.length === 3) await tasks.update('a', { n: 3 })
      else break
    }
    expect(seen).toEqual([[], [1], [2, 1], [3, 2]])
    expect(live.rows).toEqual([{ _key: 'a', n: 3 }, { _key: 'b', n: 2 }])
    expect(diffs.map(diff => [diff.reset, diff.changes.map(change => change.kind)])).toEqual(
      [[true, []], [false, ['insert']], [false, ['insert']], [false, ['move']]])
  })

  test('goes on with its rows from its cursor', async () => {
    const db = await client()
    const tasks = db.collection(fresh('tasks'))
    await tasks.insert({ n: 1 }, 'a')
    const asked = query(tasks.name).orderBy('n')
    const first = await db.live(asked).open()
    first.close()
    await tasks.insert({ n: 2 }, 'b')
    const second = db.live(asked, { since: first.cursor, rows: first.rows })
    const diffs: boolean[] = []
    second.onDiff(diff => diffs.push(diff.reset))
    await second.open()
    expect(second.rows.map(row => row.n)).toEqual([1, 2])
    expect(diffs).toEqual([false])
    expect(() => db.live(asked, { since: 'x' })).toThrow(ValidationError)
  })

  test('ends by a signal and by its end', async () => {
    const db = await client()
    const stop = new AbortController()
    const asked = query(fresh('tasks'))
    let rounds = 0
    for await (const rows of db.live(asked, { signal: stop.signal })) {
      rounds += rows.length + 1
      stop.abort()
    }
    expect(rounds).toBe(1)
    const live = await db.live(asked).open()
    const changed: unknown[] = []
    live.onChange(() => changed.push(live.state.error))
    db.close()
    expect(changed).toEqual([expect.any(Closed)])
    await expect(db.live(asked).open()).rejects.toThrow(Closed)
  })
})

test('what cannot be said ends no connection', async () => {
  const proxy = await Proxy.start()
  const [db, half] = [await client(proxy.url), 'a\ud83d']
  const tasks = db.collection(fresh('tasks'))
  const room = await tasks.presence().open()
  const say = async (): Promise<void> => {
    await expect(db.changes(half).open()).rejects.toThrow(ValidationError)
    await expect(db.live(query(half)).open()).rejects.toThrow(ValidationError)
    await expect(db.presence(half).open()).rejects.toThrow(ValidationError)
    await expect(room.set({ [half]: 1 })).rejects.toThrow(ValidationError)
  }
  await say()
  proxy.cut()
  await until(() => db.status.state === 'lost', hear => db.onStatus(hear))
  await say()
  expect(await tasks.count()).toBe(0)
})

describe('presence', () => {
  test('says who is here', async () => {
    const [one, other] = [await client(), await client()]
    const name = fresh('room')
    const ann = await one.collection(name).presence({ name: 'ann' }).open()
    const bob = await other.collection(name).presence({ name: 'bob' }).open()
    const names = (presence: typeof ann): string[] => [...presence.states.values()].map(state => state.name).sort()
    for (const each of [ann, bob]) await until(() => names(each).length === 2, hear => each.onChange(hear))
    expect(names(ann)).toEqual(['ann', 'bob'])
    await bob.set({ name: 'eve' })
    await until(() => names(ann).includes('eve'), hear => ann.onChange(hear))
    bob.close()
    await until(() => names(ann).length === 1, hear => ann.onChange(hear))
    expect(ann.states.get(ann.client)).toEqual({ name: 'ann' })
    await expect(bob.set({ name: 'late' })).rejects.toThrow(Closed)
  })

  test('ends with its database', async () => {
    const db = await client()
    const waiting = (async () => { for await (const states of db.presence(fresh('room'), 1)) if (states.size > 0) db.close() })()
    await expect(waiting).rejects.toThrow(Closed)
    const other = await client()
    const unseen = other.presence(fresh('room'))
    const first = (await unseen.open())[Symbol.asyncIterator]()
    await first.next()
    const next = first.next()
    other.close()
    await expect(next).rejects.toThrow(Closed)
    unseen.close()
  })

  test('that was left does not come back', async () => {
    const proxy = await Proxy.start()
    const [one, other] = [await client(proxy.url), await client()]
    const name = fresh('room')
    const watched = await other.collection(name).presence().open()
    const ann = await one.collection(name).presence<unknown>('ann').open()
    const bob = await one.collection(name).presence<unknown>().open()
    const setting = bob.set('bob')
    bob.close()
    await setting
    proxy.cut()
    await until(() => one.status.state === 'lost', hear => one.onStatus(hear))
    await ann.set('ann again')
    await until(() => [...watched.states.values()].includes('ann again'), hear => watched.onChange(hear))
    expect([...watched.states.values()]).toEqual(['ann again'])
  })

  test('is announced again, and iterated over', async () => {
    const proxy = await Proxy.start()
    const [one, other] = [await client(proxy.url), await client()]
    const name = fresh('room')
    const ann = await one.collection(name).presence({ name: 'ann' }).open()
    const watched = other.collection<{ name: string }>(name).presence<{ name: string }>()
    let here: string[] = []
    for await (const states of watched) {
      here = [...states.values()].map(state => state.name)
      if (here[0] === 'ann' && proxy.connections === 1) {
        proxy.cut()
        await ann.set({ name: 'ann again' })
      }
      if (here[0] === 'ann again') break
    }
    expect(here).toEqual(['ann again'])
    expect(proxy.connections).toBeGreaterThan(1)
  })
})

describe('several servers', () => {
  test('another takes the place of one that is lost, and has what was acknowledged', async () => {
    const proxies = [await Proxy.start(), await Proxy.start()]
    const db = await client(proxies.map(proxy => proxy.url))
    const tasks = db.collection(fresh('tasks'))
    await tasks.insert({ n: 1 }, 'a')
    const live = await db.live(query(tasks.name)).open()
    const states: string[] = []
    db.onStatus(status => states.push(status.state))
    const left = proxies.find(proxy => db.status.state === 'connected' && proxy.url === db.status.url)!
    left.close()
    await until(() => db.status.state === 'connected' && db.status.url !== left.url, hear => db.onStatus(hear))
    expect(states).toEqual(['lost', 'connected'])
    expect(await tasks.get('a')).toEqual({ n: 1 })
    await tasks.insert({ n: 2 }, 'b')
    await until(() => live.rows.length === 2, hear => live.onChange(hear))
  })
})
