import { expect, test } from 'vitest'
import { connect, type Transport } from '../src/index.js'
import { pack, unpack, type WireObject } from '../src/values/index.js'
import { ManualClock } from './manual_clock.js'

const HEARTBEAT_SECONDS = 20
const LIMITS: WireObject = {
  message_bytes: 1000, answer_bytes: 1000, heartbeat_seconds: HEARTBEAT_SECONDS, requests: 8, subscriptions: 8, credit: 8, presences: 8, operations: 8
}

test('there is none while the network takes what was sent', async () => {
  const clock = new ManualClock()
  let [connections, unsent] = [0, 0]
  const dial = (): Transport => {
    const transport: Transport = {
      onmessage: () => {},
      onclose: () => {},
      open: async () => { connections += 1 },
      send: frame => {
        if ((unpack(frame) as WireObject)['type'] === 'hello') transport.onmessage(pack({ type: 'welcome', version: 1, session: 's', limits: LIMITS }))
      },
      get unsent () { return unsent },
      close: () => {}
    }
    return transport
  }
  const opening = connect('ws://server/live', { dial, clock, random: () => 0 })
  await clock.advance(1)
  const db = await opening
  unsent = 10_000
  for (let beat = 0; beat < 10; beat++) {
    await clock.advance(HEARTBEAT_SECONDS)
    unsent -= 1000
  }
  expect(connections).toBe(1)
  await clock.advance(3 * HEARTBEAT_SECONDS)
  expect(connections).toBe(2)
  db.close()
})
