// The oracle in a browser: `oracle(seed, server, proxy)` is for whoever drives the page, who also gives it `cut`.

import { connect } from '../src/index.js'
import { run } from './oracle.js'

const SOON = { backoffSeconds: 0.001, maxBackoffSeconds: 0.01 }

async function oracle (seed: number, server: string, proxy: string): Promise<string[]> {
  const [watcher, writer] = [await connect(proxy, { limits: SOON }), await connect(server)]
  const wrong = await run(seed, {
    watcher,
    writer,
    tasks: `tasks-${seed}`,
    users: `users-${seed}`,
    cut: (globalThis as unknown as { cut: () => Promise<void> }).cut,
    turn: async () => await new Promise(resolve => setTimeout(resolve))
  })
  await Promise.all([watcher.close(), writer.close()])
  return wrong
}

Object.assign(globalThis, { oracle })
