import { connect, type Database, type Status } from '../client/src/index.js'
import type { DemoState, Director } from './director.js'
import { Homing } from './homing.js'

/** Seconds that a page waits for the nodes; then it says so. */
const CONNECT_SECONDS = 60

/**
 * One person's client: connected to its own node, or, while that is down, to another one.
 *
 * That it goes to another node is the client library's doing. That it comes home again is this page's wish.
 */
export class Session {
  #node: string | undefined
  readonly #listeners = new Set<() => void>()

  private constructor (
    readonly db: Database,
    /** The name of its own node. */
    readonly home: string,
    private readonly homing: Homing,
    private readonly director: Director
  ) {
    const hear = (status: Status): void => {
      this.#node = status.state === 'connected' ? director.nameOf(status.url) : undefined
      for (const listener of this.#listeners) listener()
    }
    db.onStatus(hear)
    hear(db.status)
    director.onState(state => { this.#comeHome(state) })
  }

  /** Connect; the person's name is the token. Raises Unavailable without any node. */
  static async open (director: Director, home: string, name: string): Promise<Session> {
    const { nodes } = director.state
    const first = nodes.filter(node => node.name === home)
    const urls = [...first, ...nodes.filter(node => node.name !== home)].map(node => `${node.url}/live`)
    const homing = new Homing(urls[0]!)
    const db = await connect(urls, {
      token: name,
      name: `demo page of ${name}`,
      dial: homing.dial,
      random: inOrder(urls.length),
      limits: { connectSeconds: CONNECT_SECONDS, maxBackoffSeconds: 2 }
    })
    return new Session(db, home, homing, director)
  }

  /** The node that it is connected to, undefined while it looks for one. */
  get node (): string | undefined {
    return this.#node
  }

  /** The address of that node. */
  get url (): string | undefined {
    return this.director.state.nodes.find(node => node.name === this.#node)?.url
  }

  /** Be called now, and whenever it is connected to another node or to none. */
  onNode (listener: () => void): void {
    this.#listeners.add(listener)
    listener()
  }

  /** Go home once the own node is back and has what the other one has. */
  #comeHome ({ nodes, links }: DemoState): void {
    const here = this.#node
    if (here === undefined || here === this.home) return
    const between = links.find(link => link.between.includes(here) && link.between.includes(this.home))
    const isBack = nodes.some(node => node.name === this.home && node.state === 'up' && node.hash !== null)
    if (isBack && between?.up === true) this.homing.goHome()
  }
}

/** Draws that leave the addresses in their order, of which `connect` draws one each at first; random ones afterwards. */
function inOrder (addresses: number): () => number {
  let drawn = 0
  return () => drawn < addresses ? drawn++ / addresses : Math.random()
}
