import type { Collection, Database, LiveQuery } from '../client/src/index.js'
import { boardQuery, MERGES, type Task, type TaskRow } from './data.js'
import type { DemoState } from './director.js'
import type { Notice } from './notice.js'
import { inColumns, orderAt, type Place } from './place.js'
import type { Sight, Writes } from './writes.js'

/** The tasks as one person sees and writes them: a live query, and one record or field at a time. */
export class Tasks {
  readonly #records: Collection<Task>
  readonly #live: LiveQuery<TaskRow>
  #byKey: ReadonlyMap<string, TaskRow> = new Map()

  constructor (db: Database, state: DemoState, private readonly writes: Writes, private readonly own: Sight, private readonly notice: Notice) {
    this.#records = db.collection<Task>(state.board, { merges: MERGES })
    this.#live = db.live(boardQuery(state))
    this.#live.onChange(() => {
      this.#byKey = new Map(this.rows.map(row => [row._key, row]))
      writes.look(own)
    })
    notice.watch(this.#live.open())
  }

  get rows (): readonly TaskRow[] {
    return this.#live.rows
  }

  /** Whether the rows are there. */
  get ready (): boolean {
    return this.#live.state.ready
  }

  get (key: string): TaskRow | undefined {
    return this.#byKey.get(key)
  }

  onChange (listener: () => void): void {
    this.#live.onChange(listener)
  }

  /** Put another one at the end of a column; its key. */
  async add (task: Omit<Task, 'order' | 'votes' | 'priority'>): Promise<string> {
    const key = crypto.randomUUID().slice(0, 13)
    const others = inColumns(this.rows).get(task.column)!
    const whole = { ...task, priority: 1, votes: 0, order: orderAt(others, others.length) }
    this.writes.made(this.own, there => there.task(key) !== undefined)
    return await this.#records.insert(whole, key)
  }

  /** Set some fields; the others stay as somebody else may be setting them. */
  change (key: string, fields: Partial<Omit<Task, 'votes'>>): void {
    const wanted = Object.entries(fields) as Array<[keyof Task, unknown]>
    this.writes.made(this.own, there => {
      const task = there.task(key)
      return task !== undefined && wanted.every(([name, value]) => task[name] === value)
    })
    this.notice.watch(this.#records.update(key, fields))
  }

  /** Put it elsewhere. */
  move (key: string, { column, at }: Place): void {
    const others = inColumns(this.rows).get(column)!.filter(row => row._key !== key)
    this.change(key, { column, order: orderAt(others, at) })
  }

  /** One vote more. */
  vote (key: string): void {
    const before = this.get(key)?.votes ?? 0
    this.writes.made(this.own, there => (there.task(key)?.votes ?? 0) > before)
    this.notice.watch(this.#records.field(key, 'votes', 'counter').add(1))
  }

  delete (key: string): void {
    this.writes.made(this.own, there => there.task(key) === undefined)
    this.notice.watch(this.#records.delete(key))
  }
}
