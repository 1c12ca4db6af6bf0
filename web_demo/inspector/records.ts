import { connect, type Database, type LiveQuery, type Status } from '../client/src/index.js'
import { byId, say } from './dom.js'
import { counted } from './format.js'
import { cell, fieldsOf, keyed, said, type Row } from './rows.js'
import { Table } from './table.js'
import { token } from './token.js'
import { browsing, Written } from './written.js'

const STEP = 50

/** How many rows of a query are shown. */
const MOST_ROWS = 1000

/** A query as text, and its rows, kept current over the live protocol. */
export class Records {
  readonly #table = new Table<Row>('Rows', key => { this.#look(key) }, true)
  readonly #text = byId<HTMLInputElement>('text')
  readonly #more = byId<HTMLButtonElement>('more')
  readonly #record = byId('record')
  #database: Promise<Database> | undefined
  #live: LiveQuery<Row> | undefined
  #asked = 0
  #updates = 0
  #fields: readonly string[] = []
  #looked: string | null = null
  #browsed: { readonly name: string, readonly most: number } | null = null

  /** `browses` is told which collection is looked at as a whole, null for any other query. */
  constructor (private readonly browses: (name: string | null) => void) {
    this.#more.parentElement?.before(this.#table.element)
    byId<HTMLFormElement>('query').addEventListener('submit', event => {
      event.preventDefault()
      this.#browsed = null
      void this.#watch()
    })
    this.#more.addEventListener('click', () => {
      if (this.#browsed !== null) this.browse(this.#browsed.name, this.#browsed.most + STEP)
    })
  }

  /** Show the first records of a collection. */
  browse (name: string, most = STEP): void {
    this.#browsed = { name, most }
    this.#text.value = browsing(name, most)
    void this.#watch()
  }

  /** Whoever looks has become somebody else. */
  reconnect (): void {
    const before = this.#database
    this.#database = undefined
    this.#stop()
    void before?.then(database => { database.close() }, () => {})
    if (this.#text.value !== '') void this.#watch()
  }

  async #watch (): Promise<void> {
    this.#stop()
    const asked = this.#asked
    const text = this.#text.value
    this.browses(this.#browsed?.name ?? null)
    say(byId('outcome'), 'asking')
    try {
      const database = await this.#connected()
      if (asked !== this.#asked) return
      const live = this.#live = database.live(new Written(text))
      live.onChange(() => { this.#show(live) })
      await live.open()
    } catch (error) {
      if (asked === this.#asked) this.#fail(error)
    }
  }

  #stop (): void {
    this.#asked++
    this.#updates = 0
    this.#fields = []
    const live = this.#live
    this.#live = undefined
    live?.close()
    say(byId('mistake'), '')
    say(byId('updates'), '')
  }

  #connected (): Promise<Database> {
    if (this.#database !== undefined) return this.#database
    const opening = connect('live', { token: token(), name: 'inspector' })
    const forget = (): void => { if (this.#database === opening) this.#database = undefined }
    opening.then(database => database.onStatus(status => {
      if (status.state === 'closed') forget()
      else this.#tell(status)
    }), forget)
    this.#database = opening
    return opening
  }

  #tell (status: Status): void {
    const live = this.#live
    if (live === undefined || live.state.error !== undefined) return
    say(byId('outcome'), status.state === 'lost' ? `Connecting again: ${status.why}` : outcome(live.rows.length))
  }

  #show (live: LiveQuery<Row>): void {
    if (live !== this.#live) return
    const { rows, ready, error } = live.state
    if (error !== undefined) {
      this.#fail(error)
    } else if (ready) {
      const shown = rows.slice(0, MOST_ROWS)
      this.#fields = fieldsOf(shown, this.#fields)
      this.#table.columns(this.#fields.map(name => ({ title: name, cell: row => cell(row[name]) })))
      this.#table.show(keyed(shown))
      this.#more.hidden = this.#browsed === null || rows.length < this.#browsed.most || rows.length >= MOST_ROWS
      say(byId('outcome'), outcome(rows.length))
      say(byId('updates'), counted(this.#updates++, 'update'))
      this.#look(this.#looked)
    }
  }

  #fail (error: unknown): void {
    this.#table.show([])
    this.#look(null)
    this.#more.hidden = true
    say(byId('outcome'), 'There are no rows:')
    say(byId('mistake'), error instanceof Error ? error.message : String(error))
  }

  #look (key: string | null): void {
    const found = keyed(this.#live?.rows ?? []).find(([each]) => each === key)
    this.#looked = found === undefined ? null : key
    this.#record.hidden = found === undefined
    if (found !== undefined) say(this.#record, said(found[1], 2))
    this.#table.mark(this.#looked)
  }
}

function outcome (rows: number): string {
  return `${counted(rows, 'row')}${rows > MOST_ROWS ? `, of which the first ${MOST_ROWS} are shown` : ''}, kept current:`
}
