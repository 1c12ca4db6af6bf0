import { describe, expect, test } from 'vitest'
import { connect, Unauthorized, type Loss, type Token, type Transport } from '../src/index.js'
import { pack, unpack, type Wire, type WireObject } from '../src/values/index.js'
import { ManualClock, settled } from './manual_clock.js'

const LIMITS: WireObject = {
  message_bytes: 1000, answer_bytes: 1000, heartbeat_seconds: 2000, requests: 8, subscriptions: 8, credit: 8, presences: 8, operations: 8
}

/** A server that lets everybody in; a test says what else it does. */
class Server {
  readonly clock = new ManualClock()
  readonly tokens: Wire[] = []
  connections = 0
  tell: (message: WireObject) => void = () => {}
  close: (loss: Loss) => void = () => {}

  dial = (): Transport => {
    const transport: Transport = {
      onmessage: () => {},
      onclose: () => {},
      open: async () => { this.connections += 1 },
      send: frame => { this.#answer(unpack(frame) as WireObject) },
      unsent: 0,
      close: () => {}
    }
    this.tell = message => { transport.onmessage(pack(message)) }
    this.close = loss => { transport.onclose(loss) }
    return transport
  }

  #answer (message: WireObject): void {
    if (message['type'] === 'hello') this.tell({ type: 'welcome', version: 1, session: 's', limits: LIMITS })
    else this.tell({ type: 'result', id: message['id'] ?? null, value: null })
    if ('token' in message) this.tokens.push(message['token'] ?? null)
  }
}

const connected = (server: Server, token: Token): ReturnType<typeof connect> =>
  connect('ws://server/live', { token, dial: server.dial, clock: server.clock, random: () => 0 })

async function opened (server: Server, token: Token): Promise<Awaited<ReturnType<typeof connect>>> {
  const opening = connected(server, token)
  await server.clock.advance(1)
  return await opening
}

describe('a token that ends', () => {
  test('is renewed when its end is told of, and the connection goes on', async () => {
    const server = new Server()
    let given = 0
    const db = await opened(server, async () => `token ${given += 1}`)
    server.tell({ type: 'expiring', seconds: 30 })
    await settled()
    expect(server.tokens).toEqual(['token 1', 'token 2'])
    expect(server.connections).toBe(1)
    db.close()
  })

  test('begins another connection with a fresh one', async () => {
    const server = new Server()
    let given = 0
    const db = await opened(server, () => `token ${given += 1}`)
    await server.clock.advance(1)
    server.close({ why: 'the token has expired', code: 4401 })
    await server.clock.advance(20)
    expect(server.tokens).toEqual(['token 1', 'token 2'])
    expect(db.status.state).toBe('connected')
    db.close()
  })

  test('is the end, if there is no other', async () => {
    const server = new Server()
    const db = await opened(server, 'the same')
    await server.clock.advance(1)
    server.tell({ type: 'expiring', seconds: 30 })
    server.close({ why: 'the token has expired', code: 4401 })
    await server.clock.advance(20)
    expect(server.tokens).toEqual(['the same'])
    expect(db.status.state).toBe('closed')
  })

  test('is asked for again, if who gives it fails, and not if he refuses', async () => {
    const server = new Server()
    let failures = 3
    const db = await opened(server, () => {
      if ((failures -= 1) >= 0) throw new TypeError('fetch failed')
      return 'late'
    })
    expect(server.tokens).toEqual(['late'])
    db.close()
    const refused = connected(server, () => { throw new Unauthorized('log in again') })
    await expect(Promise.all([refused, server.clock.advance(1)])).rejects.toThrow('log in again')
  })
})
