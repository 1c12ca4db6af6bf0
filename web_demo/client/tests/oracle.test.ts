import { describe, expect, test } from 'vitest'
import { run } from './oracle.js'
import { client, fresh, Proxy } from './server.js'

const SEEDS = Number(process.env.ORACLE_SEEDS ?? 6)
const FIRST_SEED = Number(process.env.ORACLE_FIRST_SEED ?? 1)

describe('live queries over connections that are cut at random moments', () => {
  test.each(Array.from({ length: SEEDS }, (_, n) => n + FIRST_SEED))('are what is recomputed: seed %i', async seed => {
    const proxy = await Proxy.start()
    const wrong = await run(seed, {
      watcher: await client(proxy.url),
      writer: await client(),
      tasks: fresh('tasks'),
      users: fresh('users'),
      cut: () => { proxy.cut() },
      turn: async () => await new Promise(resolve => setImmediate(resolve))
    })
    expect(wrong).toEqual([])
    expect(proxy.connections).toBeGreaterThan(1)
  })
})
