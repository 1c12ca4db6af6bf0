import { query, type Database, type LiveQuery } from '../client/src/index.js'
import { NOBODYS_COLOR, type Member } from './data.js'
import type { DemoState } from './director.js'
import type { Notice } from './notice.js'

/** People that may own a task; further ones are not offered. */
const OFFERED = 30

/** Those who may own tasks. */
export class Members {
  readonly #live: LiveQuery<Member>

  constructor (db: Database, { people }: DemoState, notice: Notice) {
    this.#live = db.live(query<Member>(people).orderBy('name').limit(OFFERED))
    notice.watch(this.#live.open())
  }

  get names (): string[] {
    return this.#live.rows.map(({ name }) => name)
  }

  colorOf (name: string | null): string {
    return this.#live.rows.find(member => member.name === name)?.color ?? NOBODYS_COLOR
  }

  onChange (listener: () => void): void {
    this.#live.onChange(listener)
  }
}
