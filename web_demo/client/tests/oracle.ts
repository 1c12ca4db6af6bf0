// Random transactions and live queries over connections that are cut: what is pushed against what is asked. It runs in Node
// (oracle.test.ts) and in a browser (oracle_page.ts).

import { count, F, query, sum, type Database, type LiveQuery, type Query } from '../src/index.js'
import { until } from './until.js'

const OWNERS = ['ann', 'bob', 'eve', null]
const TRANSACTIONS = 40
const SECONDS = 30

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

/** Who writes and who watches, the names of two collections that are theirs, and what cuts the watcher's connections. */
export interface Setting {
  watcher: Database
  writer: Database
  tasks: string
  users: string
  cut: () => void | Promise<void>
  /** Let everything else run for a moment. */
  turn: () => Promise<void>
}

/** Watch all queries while somebody writes. Returns the queries whose rows did not become what is asked. */
export async function run (seed: number, { watcher, writer, tasks, users, cut, turn }: Setting): Promise<string[]> {
  const draw = randomFrom(seed)
  const asked = queries(tasks, users)
  const lives: Array<[string, LiveQuery<any>]> = []
  for (const [name, each] of Object.entries(asked)) lives.push([name, await watcher.live(each).open()])
  for (let n = 0; n < TRANSACTIONS; n++) {
    await writer.transact(transaction(draw, tasks, users))
    for (let turns = draw(30); turns > 0; turns--) await turn()
    if (draw(4) === 0) await cut()
  }
  await writer.collection(tasks).put({ title: 'the last', owner: 'last', priority: 9, done: false }, 'z')
  const wrong: string[] = []
  for (const [name, live] of lives) {
    const expected = JSON.stringify(await writer.query(asked[name]!))
    const same = await soon(() => JSON.stringify(live.rows) === expected, hear => live.onChange(hear))
    if (!same || live.state.error !== undefined) wrong.push(`seed ${seed}, ${name}: ${JSON.stringify(live.rows)} instead of ${expected}`)
  }
  return wrong
}

/** Random numbers from a seed (mulberry32): from 0 to below `below`. */
export function randomFrom (seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** Whether `ready` comes to be so within `SECONDS`. */
async function soon (ready: () => boolean, listen: (hear: () => void) => () => void): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<boolean>(resolve => { timer = setTimeout(resolve, SECONDS * 1000, false) })
  const came = until(ready, listen).then(() => true)
  return await Promise.race([came, late]).finally(() => { clearTimeout(timer) })
}
