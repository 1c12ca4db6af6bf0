import type { Database } from '../client/src/index.js'
import { avatar } from './avatar.js'
import { byOwner, topFive, withTeams, type OwnerRow, type TeamRow, type TopRow } from './data.js'
import type { DemoState } from './director.js'
import { h } from './element.js'
import type { Members } from './members.js'
import type { Notice } from './notice.js'
import { QueryView, type QueryShow } from './query_view.js'
import type { Writes } from './writes.js'

/** Rows of each list. */
const ROWS = 5

/** The live queries beside the board. */
export function queries (db: Database, state: DemoState, members: Members, writes: Writes, notice: Notice): HTMLElement {
  const views = [
    new QueryView(db, owners(state, members), ROWS, writes, notice),
    new QueryView(db, teams(state, members), ROWS, writes, notice),
    new QueryView(db, top(state), ROWS, writes, notice)
  ]
  return h('section', { class: 'queries', 'aria-label': 'Live queries' }, h('header', {}, h('h3', {}, 'Live queries')), ...views.map(view => view.element))
}

function owners (state: DemoState, members: Members): QueryShow<OwnerRow> {
  return {
    title: 'Tasks by owner',
    code: 'groupBy("owner", { tasks: count() })',
    query: byOwner(state, ROWS),
    keyOf: ({ owner }) => owner ?? '',
    draw: ({ owner, tasks, votes }) => [
      avatar(owner ?? '–', members.colorOf(owner)),
      h('span', { class: 'grow' }, owner ?? 'nobody'),
      h('span', { class: 'bar', 'aria-hidden': 'true', style: `--part: ${Math.min(1, tasks / 10)}` }),
      h('span', { class: 'figure', 'data-part': true, title: `${votes} votes` }, `${tasks} ${tasks === 1 ? 'task' : 'tasks'}`)
    ]
  }
}

function teams (state: DemoState, members: Members): QueryShow<TeamRow> {
  return {
    title: 'Open tasks and their teams',
    code: 'join("people", { owner: "name" })',
    query: withTeams(state, ROWS),
    keyOf: ({ key }) => key,
    draw: ({ title, owner, team }) => [
      avatar(owner, members.colorOf(owner)),
      h('span', { class: 'grow', 'data-part': true }, title),
      h('span', { class: `team ${team}`, 'data-part': true }, team)
    ]
  }
}

function top (state: DemoState): QueryShow<TopRow> {
  return {
    title: 'Top five by priority',
    code: 'orderBy("-priority", "-votes").limit(5)',
    query: topFive(state),
    keyOf: ({ key }) => key,
    draw: ({ title, priority, votes }) => [
      h('span', { class: 'rank', 'data-part': true }, `P${priority ?? 0}`),
      h('span', { class: 'grow', 'data-part': true }, title),
      h('span', { class: 'figure', 'data-part': true }, `▲ ${votes ?? 0}`)
    ]
  }
}
