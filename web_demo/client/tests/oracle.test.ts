import { describe, expect, onTestFailed, test } from 'vitest'
import { count, F, query, sum, type LiveQuery, type Query } from '../src/index.js'
import { client, fresh, Proxy, randomFrom, until } from './server.js'

const OWNERS = ['ann', 'bob', 'eve', null]
const TRANSACTIONS = 40
const SEEDS = Number(process.env.ORACLE_SEEDS ?? 6)
const FIRST_SEED = Number(process.env.ORACLE_FIRST_SEED ?? 1)

type Draw = (below: number) => number

function queries (tasks: string, users: string): Record<string, Query<any>> {
  const open = query(tasks).where(F('done').eq(false))
  return {
    all: query(tasks),
    sorted: open.orderBy('-priority', 'title'),
    top: query(tasks).orderBy('-priority').limit(3),
    slice: query(tasks).orderBy('title').offset(1).limit(4),
    groups: query(tasks).groupBy('owner', { n: count(), total: sum('priority') }).orderBy('-n'),
    join: query(tasks).join(users, { owner: 'name' }, { as: 'user', how: 'left' }).select('title', { team: F('user.team') }),
    union: query(tasks).select('title').union(query(users).select({ title: F('name') })),
    count: open.count()
  }
}

/** One random transaction on both collections. */
function transaction (draw: Draw, tasks: string, users: string): (tx: { collection: (name: string) => any }) => Promise<void> {
  const steps = Array.from({ length: 1 + draw(4) }, () => ({ act: draw(4), key: `t${draw(8)}`, owner: OWNERS[draw(4)]!, priority: draw(5), done: draw(2) === 0 }))
  const [user, team] = [OWNERS[draw(3)]!, `team ${draw(3)}`]
  return async tx => {
    const all = tx.collection(tasks)
    for (const { act, key, ...fields } of steps) {
      if (act === 0) await all.delete(key)
      else if (act === 1 || !await all.contains(key)) await all.put({ title: `${key} ${fields.priority}`, ...fields }, key)
      else await all.update(key, fields)
    }
    await tx.collection(users).put({ name: user, team }, user)
  }
}

describe('live queries over connections that are cut at random moments', () => {
  test.each(Array.from({ length: SEEDS }, (_, n) => n + FIRST_SEED))('are what is recomputed: seed %i', async seed => {
    const draw = randomFrom(seed)
    const proxy = await Proxy.start()
    const [watcher, writer] = [await client(proxy.url), await client()]
    const [tasks, users] = [fresh('tasks'), fresh('users')]
    const asked = queries(tasks, users)
    const lives: Array<[string, LiveQuery<any>]> = []
    for (const [name, each] of Object.entries(asked)) lives.push([name, await watcher.live(each).open()])
    for (let n = 0; n < TRANSACTIONS; n++) {
      await writer.transact(transaction(draw, tasks, users))
      for (let turns = draw(30); turns > 0; turns--) await new Promise(resolve => setImmediate(resolve))
      if (draw(4) === 0) proxy.cut()
    }
    await writer.collection(tasks).put({ title: 'the last', owner: 'last', priority: 9, done: false }, 'z')
    await compare(seed, lives, asked, each => writer.query(each))
    expect(proxy.connections).toBeGreaterThan(1)
  })
})

/** Soon, the rows of all live queries are those that the query gives now. */
async function compare (seed: number, lives: Array<[string, LiveQuery<any>]>, asked: Record<string, Query<any>>, ask: (asked: Query<any>) => Promise<unknown[]>): Promise<void> {
  for (const [name, live] of lives) {
    const expected = await ask(asked[name]!)
    const same = (): boolean => JSON.stringify(live.rows) === JSON.stringify(expected)
    onTestFailed(() => { if (!same()) console.error(`seed ${seed}, ${name}:`, live.rows, 'expected:', expected) })
    await until(same, hear => live.onChange(hear))
    expect(live.state.error).toBeUndefined()
  }
}
