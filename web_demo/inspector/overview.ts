import type { Inspection, LinkFigures } from './api.js'
import { byId, fill, make, say } from './dom.js'
import { bytes, count, counted, duration } from './format.js'
import { legend, Table, type Column } from './table.js'

const LINKS: ReadonlyArray<Column<LinkFigures>> = [
  { title: 'node', cell: link => link.node === '' ? '?' : link.node },
  { title: 'address', meaning: 'Where it is dialed', cell: link => link.address ?? 'it dials this one' },
  { title: 'link', cell: link => link.up ? 'up' : `down: ${link.problem ?? 'not dialed yet'}` },
  { title: 'lacks', meaning: 'Commits that it is not known to have', numeric: true, cell: link => count(link.lacking_commits) },
  { title: 'for', meaning: 'How long it has lacked the oldest of them', numeric: true, cell: link => duration(link.lacking_seconds) },
  { title: 'under way', meaning: 'Bytes that it was sent and has not confirmed', numeric: true, cell: link => bytes(link.unanswered_bytes) },
  { title: 'silent', meaning: 'How long nothing has come from it', numeric: true, cell: link => duration(link.silent_seconds) }
]

/** What is said of the server as a whole: figures, what is not well, and its links. */
export class Overview {
  readonly #figures = new Map<string, HTMLElement>()
  readonly #links = new Table<LinkFigures>('Other nodes')

  constructor () {
    this.#links.columns(LINKS)
    byId('links').append(this.#links.element, legend(LINKS))
  }

  show (found: Inspection): void {
    const { node, sessions, storage } = found
    say(byId('node'), `node ${node.node}`)
    document.title = `${node.node} – ProtoBase Live`
    this.#figure('collections', count(node.collections), `${count(node.loaded)} in memory`)
    this.#figure('sessions', count(sum(sessions)), Object.entries(sessions).filter(([, open]) => open > 0).map(([door, open]) => `${door} ${count(open)}`).join(', '))
    this.#figure('live queries', count(found.live_queries), '')
    this.#figure('stored', bytes(storage.bytes), `${bytes(storage.backlog)} to be flushed`)
    this.#figure('commits', count(storage.commits), storage.flushes === 0 ? '' : `last flush ${duration(storage.last_flush_seconds)}`)
    fill(byId('problems'), problems(found).map(each => make('li', {}, each)))
    byId('links').hidden = node.links.length === 0
    this.#links.show(node.links.map(link => [`${link.node} ${link.address ?? ''}`, link]))
  }

  #figure (name: string, value: string, more: string): void {
    let place = this.#figures.get(name)
    if (place === undefined) {
      place = make('div', {}, make('dt', {}, name), make('dd'), make('dd', { className: 'more' }))
      this.#figures.set(name, place)
      byId('figures').append(place)
    }
    say(place.children[1]!, value)
    say(place.children[2]!, more)
  }
}

/** What is not well, in words. */
export function problems ({ node, storage, collections }: Inspection): string[] {
  const found = storage.failure === null ? [] : [`The storage fails: ${storage.failure}`]
  if (node.owner === '') found.push('No node is the owner of the owned collections')
  if (node.held_commits > 0) found.push(`${counted(node.held_commits, 'commit')} of other nodes wait here for what they were made on`)
  for (const { node: name, address, up, problem, stuck } of node.links) {
    if (!up) found.push(`${name === '' ? address ?? '?' : name} is not linked: ${problem ?? 'it was not dialed yet'}`)
    for (const [collection, why] of Object.entries(stuck)) found.push(`${name} cannot take ${collection}: ${why}`)
  }
  for (const { name, corrupt, read_only: readOnly, actor } of collections) {
    if (corrupt !== null) found.push(`${name} cannot be read: ${corrupt}`)
    if (readOnly !== null) found.push(`${name} is read-only: ${readOnly}`)
    if (actor !== null && actor.failure !== null && actor.state !== 'running') found.push(`${name} has failed: ${actor.failure}`)
  }
  return found
}

function sum (counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((one, other) => one + other, 0)
}
