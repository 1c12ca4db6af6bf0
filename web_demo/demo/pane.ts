import { avatar } from './avatar.js'
import { Board } from './board.js'
import { Company } from './company.js'
import type { Director } from './director.js'
import { h, setText } from './element.js'
import { Members } from './members.js'
import type { Notice } from './notice.js'
import { Notes, type Person } from './notes.js'
import { People } from './people.js'
import { queries } from './queries.js'
import { Session } from './session.js'
import { Tasks } from './tasks.js'
import type { Sight, Writes } from './writes.js'

/** One person at one node: a client of its own, and all that it sees. */
export class Pane {
  readonly element: HTMLElement
  readonly #where = h('p', { class: 'standing', role: 'status' }, 'connecting…')

  constructor (readonly home: string, readonly person: Person) {
    const { name, color } = person
    const heading = h('h2', {}, avatar(name, color), h('span', {}, name), h('span', { class: 'node-name' }, home))
    this.element = h('article', { class: 'pane', 'data-node': home, 'aria-label': `${name} at ${home}`, style: `--me: ${color}` },
      h('header', { class: 'pane-head' }, heading, this.#where))
  }

  /** Connect, and fill it. */
  async open (director: Director, writes: Writes, notice: Notice): Promise<void> {
    const { state } = director
    const session = await Session.open(director, this.home, this.person.name)
    const { db } = session
    const sight: Sight = { task: key => tasks.get(key), clock: client => notes.clock(client) }
    const notes = new Notes(session, this.person, state.document)
    const tasks = new Tasks(db, state, writes, sight, notice)
    writes.join(sight)
    notes.measure(sight, writes)
    const members = new Members(db, state, notice)
    const company = new Company(session, this.person, state, notice)
    this.element.append(notes.element, new Board(tasks, members, company).element,
      new People(company, tasks).element, queries(db, state, members, writes, notice))
    session.onNode(() => { this.#stand(session.node) })
    director.onState(() => { this.#stand(session.node) })
  }

  /** Say where its client is. */
  #stand (node: string | undefined): void {
    const standing = node === undefined ? 'lost' : node === this.home ? 'home' : 'away'
    this.element.dataset['standing'] = standing
    const says = { lost: 'looking for a node…', home: 'connected', away: `${this.home} is away: now at ${node}` }
    setText(this.#where, says[standing])
  }
}
