import { expect, test } from 'vitest'
import { Closed, connect, Forbidden, type Loss, type Transport } from '../src/index.js'
import { pack, unpack, type WireObject } from '../src/values/index.js'

const LIMITS: WireObject = {
  message_bytes: 1000, answer_bytes: 1000, heartbeat_seconds: 2000, requests: 8, subscriptions: 8, credit: 8, presences: 8, operations: 8
}

/** A server that lets nobody be present. */
class Server {
  lose: (loss: Loss) => void = () => {}

  dial = (): Transport => {
    const transport: Transport = {
      onmessage: () => {},
      onclose: () => {},
      open: async () => {},
      send: frame => { transport.onmessage(pack(answerTo(unpack(frame) as WireObject))) },
      unsent: 0,
      close: () => {}
    }
    this.lose = loss => { transport.onclose(loss) }
    return transport
  }
}

function answerTo ({ type, id }: WireObject): WireObject {
  if (type === 'hello') return { type: 'welcome', version: 1, session: 's', limits: LIMITS }
  return { type: 'error', id: id ?? null, code: 'forbidden', message: 'you may not be present', retryable: false }
}

test('is refused to who may not be there, and opens without a connection', async () => {
  const server = new Server()
  const db = await connect('ws://server/live', { dial: server.dial })
  for (const state of [undefined, null, 'ann']) await expect(db.presence('room', state).open()).rejects.toThrow(Forbidden)
  server.lose({ why: 'cut' })
  for (const state of [undefined, 'ann']) expect((await db.presence('room', state).open()).states.size).toBe(state === undefined ? 0 : 1)
  db.close()
})

test('is not open when it was left before', async () => {
  const server = new Server()
  const db = await connect('ws://server/live', { dial: server.dial })
  server.lose({ why: 'cut' })
  const presence = db.presence('room')
  const opening = presence.open()
  presence.close()
  await expect(opening).rejects.toThrow(Closed)
  db.close()
})

test('iterating ends where it is left while it is being opened', async () => {
  const server = new Server()
  const db = await connect('ws://server/live', { dial: server.dial })
  server.lose({ why: 'cut' })
  const presence = db.presence('room')
  const iterated = (async () => { for await (const states of presence) expect(states).toBeUndefined() })()
  await Promise.resolve()
  presence.close()
  await iterated
  db.close()
})
