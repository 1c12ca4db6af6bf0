import type { Request } from './requests.js'

/** Most structures that a `subscribe` may name. */
const MOST = 1_000

/** A structure: its kind and its name. */
type Named = readonly [kind: string, name: string]

/** Which structures a client has opened that no program has written, by collection, so that streams tell of them at
 * whichever server it goes to next. */
export class ClientOpened {
  readonly #opened = new Map<string, { collection: string, named: Named }>()

  /** Remembers `most`; above that, the one that was opened longest ago is forgotten. */
  constructor (private readonly most: number = MOST) {}

  /** The server has answered a request; what a program has written it tells by itself. */
  answered (request: Request, value: unknown): void {
    if (request.type !== 'read' || request.read[2] !== 'open') return
    const [kind, path] = request.read
    const key = JSON.stringify([request.collection, kind, path])
    this.#opened.delete(key)
    if (value === false) this.#opened.set(key, { collection: request.collection, named: [kind, String(path[0])] })
    for (const oldest of this.#opened.keys()) {
      if (this.#opened.size <= this.most) return
      this.#opened.delete(oldest)
    }
  }

  /** Those of a collection, in the order in which they were opened. */
  of (collection: string): Named[] {
    return [...this.#opened.values()].filter(each => each.collection === collection).map(each => each.named)
  }
}
