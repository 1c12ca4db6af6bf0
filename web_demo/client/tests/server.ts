import { connect as connectTo, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach } from 'vitest'
import WebSocket from 'ws'
import { connect, type ConnectOptions, type Database } from '../src/index.js'
import type { SocketClass } from '../src/transport.js'

/** The server that these tests run against, such as `ws://127.0.0.1:8765/live`. */
export const SERVER = process.env.PROTOBASE_LIVE ?? missing()

function missing (): never {
  throw new Error('these tests need a server: PROTOBASE_LIVE=ws://127.0.0.1:8765/live npm test')
}

/** How soon the clients of these tests connect again. */
const SOON = { backoffSeconds: 0.001, maxBackoffSeconds: 0.01 }

const open: Array<{ close: () => unknown }> = []

/** Closed after the test. */
export function closing<T extends { close: () => unknown }> (thing: T): T {
  open.push(thing)
  return thing
}

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

/** A client, which is closed after the test. */
export async function client (url: string | string[] = SERVER, options: ConnectOptions = {}): Promise<Database> {
  return closing(await connect(url, { webSocket: WebSocket as unknown as SocketClass, ...options, limits: { ...SOON, ...options.limits } }))
}

let names = 0

/** A collection that no other test has. */
export function fresh (name: string): string {
  names += 1
  return `${name}-${process.pid}-${Date.now().toString(36)}-${names}`
}

/** What stands between a client and the server, and cuts their connections. */
export class Proxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** How many connections it has had. */
  connections = 0
  /** Where it is found, and was once it is closed. */
  url = ''

  private constructor (server: Server) {
    this.#server = server
  }

  static async start (): Promise<Proxy> {
    const { hostname, port } = new URL(SERVER)
    const server = createServer()
    const proxy = closing(new Proxy(server))
    server.on('connection', near => {
      proxy.connections += 1
      const far = connectTo(Number(port), hostname)
      for (const [from, to] of [[near, far], [far, near]] as const) {
        proxy.#sockets.add(from)
        from.pipe(to)
        from.on('error', () => {}).on('close', () => {
          proxy.#sockets.delete(from)
          to.destroy()
        })
      }
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    proxy.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/live`
    return proxy
  }

  /** Lose all connections, and what is under way on them. */
  cut (): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Take no more connections, and lose those there are. */
  close (): void {
    this.#server.close()
    this.cut()
  }
}
