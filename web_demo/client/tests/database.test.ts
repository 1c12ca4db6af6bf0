import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  CalendarDate, Closed, Conflict, connect, count, DateTime, F, KindMismatch, LimitExceeded, param, query, RecordExists, RecordMissing,
  sum, Unavailable, ValidationError, type Database, type Transaction
} from '../src/index.js'
import { client, fresh, SERVER } from './server.js'

interface Task { title: string, done: boolean, owner?: string | null, priority?: number, votes?: number }

describe('records', () => {
  test('are written and read', async () => {
    const db = await client()
    const tasks = db.collection<Task>(fresh('tasks'))
    const key = await tasks.insert({ title: 'Write', done: false })
    expect(key).toMatch(/^[\w-]{22}$/)
    await tasks.put({ title: 'Read', done: true }, 't1')
    await tasks.update('t1', { done: false })
    expect(await tasks.get('t1')).toEqual({ title: 'Read', done: false })
    expectTypeOf(await tasks.get('t1')).toEqualTypeOf<Task | null>()
    expect(await tasks.get('none')).toBeNull()
    expect([await tasks.count(), await tasks.contains(key), await tasks.contains('none')]).toEqual([2, true, false])
    expect(await tasks.keys()).toEqual([key, 't1'].sort())
    expect((await tasks.items()).get(key)).toEqual({ title: 'Write', done: false })
    await tasks.delete(key)
    await tasks.delete(key)
    expect(await tasks.count()).toBe(1)
  })

  test('hold every value as it is', async () => {
    const db = await client()
    const all = db.collection(fresh('values'))
    const record = {
      big: 2n ** 70n, long: 2n ** 63n, bytes: Uint8Array.of(0, 255), date: new CalendarDate('2026-11-28'),
      when: new DateTime('2026-11-28T09:30:00.000120+01:00'), nested: { list: [1, null, { '@': 'odd' }], fraction: 0.1 }
    }
    await all.insert(record, 'r')
    expect(await all.get('r')).toEqual(record)
    await all.insert({ when: new Date(0) }, 'd')
    expect(await all.get('d')).toEqual({ when: new DateTime('1970-01-01T00:00:00+00:00') })
  })

  test('come in pages', async () => {
    const db = await client()
    const name = fresh('pages')
    const names = Array.from({ length: 2500 }, (_, n) => `k${String(n).padStart(4, '0')}`)
    await db.transact(tx => { for (const key of names) void tx.collection(name).insert({ key }, key) })
    const all = db.collection(name)
    expect(await all.keys()).toEqual(names)
    expect([...(await all.items()).keys()]).toEqual(names)
  })

  test('are refused for a reason', async () => {
    const db = await client()
    const tasks = db.collection<Task>(fresh('tasks'))
    await tasks.insert({ title: 'a', done: false }, 't1')
    await expect(tasks.insert({ title: 'a', done: false }, 't1')).rejects.toThrow(RecordExists)
    await expect(tasks.update('none', { done: true })).rejects.toThrow(RecordMissing)
    expect(() => tasks.update('t1', { title: undefined } as unknown as Task)).toThrow("record 't1'['title'] is undefined")
    await expect(db.collection('a//b').count()).rejects.toThrow('empty segment')
    await expect(tasks.insert({ title: 'x'.repeat(2 ** 20), done: true })).rejects.toThrow(ValidationError)
  })

  test('and structures have names that are texts', async () => {
    const [db, name, half] = [await client(), fresh('tasks'), 'a\ud83d']
    const tasks = db.collection(name)
    await tasks.insert({}, 'a\ufffd')
    const refused: Array<() => unknown> = [
      () => tasks.put({}, half), () => tasks.get(half), () => tasks.update(half, {}), () => tasks.text(half), () => tasks.index(half),
      () => tasks.field('a', half, 'counter'), () => db.collection(half), () => db.drop(half), () => db.collections(half),
      () => db.query(query(half)), () => db.live(query(name).where(F(half).eq(1))).open(), () => db.changes(half).open(),
      () => db.presence(half).open(), () => tasks.presence({ [half]: 1 }).open(), () => db.named(half).rows(),
      () => db.transact(tx => tx.collection(name).put({}, half)), () => db.transact(tx => tx.collection(name).put({}, 'b'), { author: half })
    ]
    for (const work of refused) await expect((async () => await work())(), String(work)).rejects.toThrow('lone surrogate: "a\\ud83d"')
    expect(await tasks.keys()).toEqual(['a\ufffd'])
  })

  test('are assigned sets as Python has them', async () => {
    const db = await client()
    const tasks = db.collection(fresh('tasks'), { merges: { tags: 'set', votes: 'counted_set' } })
    await tasks.insert({ tags: new Set([1, true]), votes: new Map<unknown, number>([[1, 2], [true, 3]]) }, 't1')
    const [tags, votes] = [tasks.field('t1', 'tags', 'set'), tasks.field('t1', 'votes', 'counted_set')]
    expect([await tags.count(), await votes.count()]).toEqual([1, 3])
    await tags.add(1, true)
    expect([await tags.count(), await tags.contains(1), await tags.contains(true)]).toEqual([2, true, true])
  })

  test('have fields that merge', async () => {
    const db = await client()
    const tasks = db.collection<Task>(fresh('tasks'), { merges: { votes: 'counter' } })
    await tasks.insert({ title: 'a', done: false, votes: 1 }, 't1')
    await Promise.all([1, 2, 3].map(n => tasks.field('t1', 'votes', 'counter').add(n)))
    expect((await tasks.get('t1'))?.votes).toBe(7)
    await tasks.update('t1', { votes: 5 })
    expect(await tasks.field('t1', 'votes', 'counter').value()).toBe(5)
    expect(() => tasks.field('t1', 'votes', 'odd' as 'set')).toThrow("no kind 'odd'")
  })
})

test('structures', async () => {
  const db = await client()
  const board = db.collection(fresh('board'))
  const tags = board.set('tags')
  await tags.add('a', 1, true, [1, 'x'])
  await tags.remove(1)
  expect([...await tags.values()]).toEqual(expect.arrayContaining(['a', true, [1, 'x']]))
  expect([await tags.count(), await tags.contains([1, 'x']), await tags.contains(1)]).toEqual([3, true, false])
  const votes = board.countedSet('votes')
  await votes.add('a', 3)
  await votes.remove('a')
  expect([await votes.countOf('a'), await votes.count(), [...await votes.items()]]).toEqual([2, 2, [['a', 2]]])
  const dict = board.dict('dict')
  await dict.update({ b: 1, a: { x: null } })
  await dict.set('c', 2)
  await dict.delete('b')
  expect([await dict.keys(), await dict.get('a'), await dict.get('b'), await dict.count()]).toEqual([['a', 'c'], { x: null }, null, 2])
  const lines = board.list('lines')
  await lines.extend([1, 2, 3])
  await lines.insert(1, 'x')
  await lines.set(0, 'first')
  await lines.delete(3)
  expect([await lines.values(), await lines.get(-1), await lines.slice(1, 2), await lines.count()]).toEqual([['first', 'x', 2], 2, ['x'], 3])
  const pairs = board.hashDict('pairs')
  await pairs.set([1, 2], 'pair')
  await pairs.set(true, 'yes')
  expect([await pairs.get([1, 2]), await pairs.get(1), await pairs.contains(true), await pairs.count()]).toEqual(['pair', null, true, 2])
  const clicks = board.counter('clicks')
  await clicks.add()
  await clicks.add(-3)
  expect(await clicks.value()).toBe(-2)
  const notes = board.text('notes')
  await notes.append('a😀b')
  await notes.insert(2, 'é')
  await notes.delete(0)
  expect([await notes.value(), await notes.count()]).toEqual(['😀éb', 3])
  const page = board.xmlFragment('page')
  await page.insertElement(0, 'paragraph', { id: 'p' }, 'Hello')
  expect([await page.value(), await page.count()]).toEqual(['<paragraph id="p">Hello</paragraph>', 1])
  await expect(board.text('clicks').open()).rejects.toThrow(KindMismatch)
})

describe('queries', () => {
  async function filled (db: Database): Promise<string> {
    const name = fresh('tasks')
    await db.transact(tx => {
      const tasks = tx.collection<Task>(name)
      void tasks.insert({ title: 'Write', done: false, owner: 'ann', priority: 3 }, 't1')
      void tasks.insert({ title: 'Read', done: true, owner: 'bob', priority: 1 }, 't2')
      void tasks.insert({ title: 'Wait', done: false, owner: 'ann', priority: 2 }, 't3')
    })
    return name
  }

  test('give rows', async () => {
    const db = await client()
    const tasks = query<Task>(await filled(db))
    const open = await db.query(tasks.where(F('done').eq(false)).orderBy('-priority').select<{ _key: string }>('_key'))
    expect(open).toEqual([{ _key: 't1' }, { _key: 't3' }])
    const groups = await db.query(tasks.groupBy<{ owner: string, n: number, total: number }>('owner', { n: count(), total: sum('priority') }).orderBy('owner'))
    expect(groups).toEqual([{ owner: 'ann', n: 2, total: 5 }, { owner: 'bob', n: 1, total: 1 }])
    expect(await db.query(tasks.count())).toEqual([{ count: 3 }])
    const byOwner = tasks.where(F('owner').eq(param('owner')))
    expect(await db.query(byOwner, { owner: 'bob' })).toMatchObject([{ _key: 't2', title: 'Read' }])
    expect(() => byOwner.form()).toThrow("needs a value for its parameter 'owner'")
  })

  test('use indexes', async () => {
    const db = await client()
    const name = await filled(db)
    await db.collection(name).index('owner')
    expect(JSON.stringify(await db.explain(query(name).where(F('owner').eq('ann'))))).toContain('owner')
    await db.collection(name).dropIndex('owner')
  })

  test('that make no sense are refused', async () => {
    const db = await client()
    await expect(db.query(query('tasks').limit(-1))).rejects.toThrow(ValidationError)
    const live = db.live(query('tasks').limit(-1))
    await expect(live.open()).rejects.toThrow(ValidationError)
  })
})

describe('transactions', () => {
  test('are all or nothing, and see their own writes', async () => {
    const db = await client()
    const [tasks, audit] = [fresh('tasks'), fresh('audit')]
    const tx = db.transaction({ author: 'ann' })
    void tx.collection(tasks).insert({ title: 'a' }, 'a')
    void tx.collection(audit).counter('added').add()
    expect(await tx.collection(tasks).get('a')).toEqual({ title: 'a' })
    expect(await tx.collection(audit).counter('added').value()).toBe(1)
    expect(await db.collection(tasks).get('a')).toBeNull()
    const receipt = await tx.commit()
    expect([...receipt.cursors.keys()].sort()).toEqual([audit, tasks].sort())
    expect(await db.collection(tasks).get('a')).toEqual({ title: 'a' })
    await expect(tx.commit()).rejects.toThrow(Closed)
    expect(() => tx.collection(tasks)).toThrow(Closed)
  })

  test('take -0 for the key and element 0', async () => {
    const db = await client()
    const name = fresh('zero')
    const board = db.collection(name)
    await board.hashDict('h').set(0, 'zero')
    await board.hashDict('h').set('-0', 'text')
    await db.transact(async tx => {
      const [dict, set, counts] = [tx.collection(name).hashDict('h'), tx.collection(name).set('s'), tx.collection(name).countedSet('c')]
      expect([await dict.get(-0), await dict.get('-0')]).toEqual(['zero', 'text'])
      await set.add(-0, [-0, 1])
      await set.add(0)
      expect([await set.contains(0), await set.contains(-0), await set.contains([0, 1]), await set.count()]).toEqual([true, true, true, 2])
      await counts.add(-0)
      expect(await counts.countOf(0)).toBe(1)
    })
    expect([await board.set('s').contains([-0, 1]), await board.set('s').count(), await board.countedSet('c').countOf(-0)]).toEqual([true, 2, 1])
  })

  test('that fail leave nothing', async () => {
    const db = await client()
    const name = fresh('tasks')
    await expect(db.transact(tx => {
      void tx.collection(name).insert({ title: 'a' }, 'a')
      throw new Error('no')
    })).rejects.toThrow('no')
    expect(await db.collection(name).count()).toBe(0)
  })

  test('are tried again when what they read has changed', async () => {
    const db = await client()
    const name = fresh('accounts')
    await db.collection(name).insert({ balance: 0 }, 'a')
    await Promise.all(Array.from({ length: 10 }, () => db.transact(async tx => {
      const accounts = tx.collection<{ balance: number }>(name)
      const { balance } = (await accounts.get('a'))!
      await accounts.update('a', { balance: balance + 1 })
    })))
    expect(await db.collection(name).get('a')).toEqual({ balance: 10 })
  })

  test('tell nobody what is raised of half of another one', async () => {
    const [db, other] = [await client(), await client()]
    const name = fresh('accounts')
    const move = async (tx: Transaction): Promise<void> => {
      for (const [key, n] of [['a', -1], ['b', 1]] as const) {
        const before = await tx.collection<{ n: number }>(name).get(key)
        void tx.collection(name).put({ n: (before?.n ?? 5) + n }, key)
      }
    }
    await other.transact(move)
    let tries = 0
    const sum = await db.transact(async tx => {
      tries += 1
      const a = await tx.collection<{ n: number }>(name).get('a')
      if (tries < 3) await other.transact(move)
      const b = await tx.collection<{ n: number }>(name).get('b')
      if (a!.n + b!.n !== 10) throw new RangeError(`the sum is ${a!.n + b!.n}`)
      return a!.n + b!.n
    })
    expect([sum, tries]).toEqual([10, 3])
  })

  test('give up at last', async () => {
    const db = await client(SERVER, { limits: { transactAttempts: 3 } })
    const name = fresh('accounts')
    await db.collection(name).insert({ n: 0 }, 'a')
    let tries = 0
    await expect(db.transact(async tx => {
      tries += 1
      await tx.collection(name).get('a')
      await db.collection(name).update('a', { n: tries })
      void tx.collection(name).update('a', { n: -1 })
    })).rejects.toThrow(Conflict)
    expect(tries).toBe(3)
  })

  test('that wait for one which waits for them give up', async () => {
    const [db, other] = [await client(SERVER, { limits: { turnSeconds: 0.05 } }), await client()]
    const name = fresh('accounts')
    await other.collection(name).insert({ n: 0 }, 'a')
    const add = async (within?: () => Promise<void>): Promise<void> => {
      let tries = 0
      await db.transact(async tx => {
        const { n } = (await tx.collection<{ n: number }>(name).get('a'))!
        tries += 1
        if (tries === 1) await other.collection(name).update('a', { n: n + 10 })
        else await within?.()
        void tx.collection(name).update('a', { n: n + 1 })
      })
    }
    await expect(add(add)).rejects.toThrow('turnSeconds')
    await add()
    expect(await db.collection(name).get('a')).toEqual({ n: 31 })
  })

  test('have limits', async () => {
    const db = await client(SERVER, { limits: { transactionOperations: 2, transactionBytes: 100, transactionReads: 1 } })
    const tx = db.transaction().collection(fresh('tasks'))
    void tx.insert({}, 'a')
    void tx.insert({}, 'b')
    expect(() => tx.insert({}, 'c')).toThrow('transactionOperations')
    expect(() => db.transaction().collection('t').insert({ long: 'x'.repeat(200) }, 'c')).toThrow(LimitExceeded)
    const reading = db.transaction().collection('t')
    await reading.get('a')
    await reading.get('a')
    await expect(reading.get('b')).rejects.toThrow('transactionReads')
  })
})

test('collections as a whole', async () => {
  const db = await client()
  const name = fresh('whole')
  await db.collection(name).insert({ a: 1 }, 'r')
  expect((await db.collections(name)).map(each => each.name)).toEqual([name])
  const { hash, vector } = await db.stateHash(name)
  expect(hash).toMatch(/^[0-9a-f]{64}$/)
  expect(Object.values(vector)).toEqual([1])
  expect(await db.clusterStatus()).toMatchObject({ links: [] })
  await db.drop(name)
  expect(await db.collection(name).count()).toBe(0)
})

describe('connecting', () => {
  test('gives up in time', async () => {
    await expect(client('ws://127.0.0.1:1/live', { limits: { connectSeconds: 0.05 } })).rejects.toThrow(Unavailable)
  })

  test('can be given up', async () => {
    const stop = new AbortController()
    const connecting = client('ws://127.0.0.1:1/live', { signal: stop.signal })
    stop.abort()
    await expect(connecting).rejects.toThrow(Closed)
    await expect(client(SERVER, { signal: AbortSignal.abort() })).rejects.toThrow(Closed)
  })

  test('needs an address and a WebSocket', async () => {
    await expect(connect([])).rejects.toThrow(ValidationError)
    await expect(connect('tasks')).rejects.toThrow('ws://127.0.0.1:8765/live')
  })

  test('after its end everything is closed', async () => {
    const db = await client()
    const waiting = expect(db.collection('tasks').count()).rejects.toThrow(Closed)
    const committing = expect(db.collection('tasks').update('none', {})).rejects.toThrow('the connection broke after the commit was sent')
    db.close()
    await waiting
    await committing
    expect(db.status.state).toBe('closed')
    await expect(db.collection('tasks').count()).rejects.toThrow(Closed)
  })
})

test('__protobase lists connections, subscriptions and pending calls', async () => {
  const db = await client()
  const name = fresh('tasks')
  const live = await db.live(query(name)).open()
  const changes = await db.collection(name).changes().open()
  const call = db.collection(name).count()
  const { connections } = (globalThis as any).__protobase
  const mine = connections.at(-1)
  expect(mine.urls).toEqual([SERVER])
  expect(mine.status).toEqual({ state: 'connected', url: SERVER })
  expect(mine.subscriptions).toMatchObject([{ type: 'view', live: true }, { type: 'stream', of: name, live: true }])
  expect(mine.calls).toMatchObject([{ type: 'read', collection: name, sent: true }])
  await call
  live.close()
  changes.close()
  db.close()
  expect((globalThis as any).__protobase.connections).not.toContainEqual(expect.objectContaining({ status: { state: 'closed' } }))
})
