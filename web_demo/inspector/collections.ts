import { PAGE, type Asked, type CollectionFigures, type Inspection } from './api.js'
import { byId } from './dom.js'
import { bytes, count, duration, short } from './format.js'
import { legend, NONE, Table, type Column } from './table.js'

/** What an actor has done since the figures before these. */
interface Pace { readonly turns: number, readonly seconds: number, readonly elapsed: number }
interface Shown { readonly now: CollectionFigures, readonly pace: Pace | null }

const COLUMNS: ReadonlyArray<Column<Shown>> = [
  { title: 'name', cell: ({ now }) => now.name },
  { title: 'size', meaning: 'Bytes of its snapshot and log', numeric: true, cell: ({ now }) => bytes(now.snapshot_bytes + now.log_bytes) },
  { title: 'log', meaning: 'Commits in its log', numeric: true, cell: ({ now }) => count(now.log_commits) },
  { title: 'editors', meaning: 'Yjs clients', numeric: true, cell: ({ now }) => count(now.listeners.editors) },
  { title: 'streams', meaning: 'Change streams', numeric: true, cell: ({ now }) => count(now.listeners.streams) },
  { title: 'live', meaning: 'Who watches live queries that read it', numeric: true, cell: ({ now }) => count(now.listeners.live_queries) },
  { title: 'people', meaning: 'Who is present', numeric: true, cell: ({ now }) => count(now.people) },
  { title: 'mailbox', meaning: 'Messages that wait for its actor, and senders that wait for room', numeric: true, cell: ({ now: { actor } }) => actor === null ? NONE : actor.waiting === 0 ? count(actor.mailbox) : `${count(actor.mailbox)} + ${count(actor.waiting)}` },
  { title: 'turns/s', meaning: 'Turns of its actor a second', numeric: true, cell: ({ now, pace }) => now.actor === null || pace === null ? NONE : short(pace.turns / pace.elapsed) },
  { title: 'turn', meaning: 'How long a turn takes', numeric: true, cell: ({ now: { actor }, pace }) => actor === null || actor.turns === 0 ? NONE : duration(mean(actor.turns, actor.turn_seconds, pace)) },
  { title: 'longest', meaning: 'Its longest turn', numeric: true, cell: ({ now: { actor } }) => actor === null ? NONE : duration(actor.turn_seconds_max) },
  { title: 'restarts', meaning: 'How often it failed and was loaded again', numeric: true, cell: ({ now: { actor } }) => actor === null ? NONE : count(actor.restarts) }
]

/** The collections of the server, a page at a time. */
export class Collections {
  readonly #table: Table<Shown>
  readonly #prefix = byId<HTMLInputElement>('prefix')
  readonly #loaded = byId<HTMLInputElement>('loaded')
  readonly #first = byId<HTMLButtonElement>('first')
  readonly #next = byId<HTMLButtonElement>('next')
  #after = ''
  #following: string | null = null
  #before = new Map<string, CollectionFigures>()
  #at = 0
  #chosen: string | null = null

  /** `choose` is told of a collection that is to be looked at, `changed` that others are to be asked for. */
  constructor (private readonly choose: (name: string) => void, changed: () => void) {
    this.#table = new Table('Collections', name => { this.choose(name) })
    this.#table.columns(COLUMNS)
    byId('collections').append(this.#table.element, byId('none'), legend(COLUMNS))
    const turn = (after: string): void => {
      this.#after = after
      changed()
    }
    for (const input of [this.#prefix, this.#loaded]) input.addEventListener('input', () => { turn('') })
    this.#first.addEventListener('click', () => { turn('') })
    this.#next.addEventListener('click', () => { turn(this.#following ?? '') })
  }

  /** Which are to be shown. */
  get asked (): Asked {
    return { prefix: this.#prefix.value, loaded: this.#loaded.checked, after: this.#after }
  }

  /** These were found at a time, in seconds. */
  show ({ collections, next }: Inspection, time: number): void {
    const elapsed = time - this.#at
    this.#table.show(collections.map(now => [now.name, { now, pace: paceOf(this.#before.get(now.name), now, elapsed) }]))
    this.#table.mark(this.#chosen)
    byId('none').hidden = collections.length > 0
    this.#following = next
    this.#next.disabled = next === null
    this.#first.disabled = this.#after === ''
    for (const button of [this.#first, this.#next]) button.hidden = this.#after === '' && next === null && collections.length < PAGE
    this.#before = new Map(collections.map(each => [each.name, each]))
    this.#at = time
  }

  /** This collection is looked at; null: none is. */
  mark (name: string | null): void {
    this.#chosen = name
    this.#table.mark(name)
  }
}

function paceOf (before: CollectionFigures | undefined, now: CollectionFigures, elapsed: number): Pace | null {
  if (before === undefined || before.actor === null || now.actor === null || now.actor.turns < before.actor.turns) return null
  return { turns: now.actor.turns - before.actor.turns, seconds: now.actor.turn_seconds - before.actor.turn_seconds, elapsed }
}

/** Of the latest turns, or of all where there was none lately. */
function mean (turns: number, seconds: number, pace: Pace | null): number {
  return pace !== null && pace.turns > 0 ? pace.seconds / pace.turns : seconds / turns
}
