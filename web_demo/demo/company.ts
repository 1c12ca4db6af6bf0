import type { Presence } from '../client/src/index.js'
import type { Here, Task } from './data.js'
import type { DemoState } from './director.js'
import type { Notice } from './notice.js'
import type { Person } from './notes.js'
import type { Session } from './session.js'

/** Shortest time between two states that one tells the others. */
const TELL_MS = 100

/** Who is on the board, as one of them sees it, and what one points at oneself. */
export class Company {
  readonly #presence: Presence<Here>
  #mine: Here
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor (private readonly session: Session, person: Person, { board }: DemoState, private readonly notice: Notice) {
    this.#mine = this.#at({ ...person, at: null, field: null })
    this.#presence = session.db.presence<Here>(board, this.#mine)
    notice.watch(this.#presence.open())
    session.onNode(() => {
      if (session.node !== undefined && session.node !== this.#mine.node) this.#tell({ ...this.#mine, node: session.node })
    })
  }

  /** Everybody by client id, oneself included. */
  get all (): ReadonlyMap<number, Here> {
    return this.#presence.states
  }

  /** The others. */
  get others (): Here[] {
    return Array.from(this.all).filter(([client]) => client !== this.#presence.client).map(([, here]) => here)
  }

  isMe (client: number): boolean {
    return client === this.#presence.client
  }

  /** Let the others see what is pointed at, and which field of it is being edited. */
  point (at: string | null, field: keyof Task | null = null): void {
    if (at !== this.#mine.at || field !== this.#mine.field) this.#tell({ ...this.#mine, at, field })
  }

  onChange (listener: () => void): void {
    this.#presence.onChange(listener)
  }

  #at (here: Here): Here {
    return this.session.node === undefined ? here : { ...here, node: this.session.node }
  }

  #tell (here: Here): void {
    this.#mine = here
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.notice.watch(this.#presence.set(this.#mine))
    }, TELL_MS)
  }
}
