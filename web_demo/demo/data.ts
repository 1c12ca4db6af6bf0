import { count, F, query, sum, type Query } from '../client/src/index.js'
import type { DemoState } from './director.js'

export const COLUMNS = ['todo', 'doing', 'done'] as const
export type Column = typeof COLUMNS[number]
export const COLUMN_TITLES: Readonly<Record<Column, string>> = { todo: 'To do', doing: 'Doing', done: 'Done' }

export const HIGHEST_PRIORITY = 5

/** Tasks that a board shows; further ones are there, and not shown. */
export const MAX_TASKS = 120

/** What stands on the board. */
export interface Task {
  readonly title: string
  readonly column: Column
  readonly owner: string | null
  readonly priority: number
  /** A counter: it adds up, also what is added on both sides of a cut. */
  readonly votes: number
  /** Where it stands in its column, from the smallest on. */
  readonly order: number
}
export const MERGES = { votes: 'counter' } as const
export type TaskRow = Task & { readonly _key: string }

/** What a task is taken for that some program wrote without it; votes are none until somebody gives one. */
const MISSING = { title: 'Untitled', owner: null, priority: 0, votes: 0 }

/** A task as it is shown. */
export function whole (row: TaskRow): TaskRow {
  return { ...MISSING, ...row }
}

export interface Member { readonly name: string, readonly team: string, readonly color: string }

/** What one shows the others on the board; scripted people say less of themselves. */
export interface Here {
  readonly name: string
  readonly color: string
  /** The node that it is connected to. */
  readonly node?: string
  /** The key of the task that is pointed at. */
  readonly at?: string | null
  /** What of it is being edited. */
  readonly field?: keyof Task | null
}

/** The people at the three panes, by the order of the nodes. */
export const PEOPLE_HERE: ReadonlyArray<Pick<Member, 'name' | 'color'>> = [
  { name: 'ann', color: '#c2410c' }, { name: 'bob', color: '#1d4ed8' }, { name: 'cy', color: '#15803d' }
]
export const NOBODYS_COLOR = '#64707d'

export interface OwnerRow { readonly owner: string | null, readonly tasks: number, readonly votes: number }
export interface TeamRow { readonly key: string, readonly title: string, readonly owner: string, readonly team: string }
export interface TopRow { readonly key: string, readonly title: string, readonly priority: number | null, readonly votes: number | null }

export function boardQuery ({ board }: DemoState): Query<TaskRow> {
  return query<TaskRow>(board).orderBy('order', '_key').limit(MAX_TASKS)
}

export function byOwner ({ board }: DemoState, rows: number): Query<OwnerRow> {
  return query(board).groupBy<OwnerRow>('owner', { tasks: count(), votes: sum('votes') }).orderBy('-tasks', 'owner').limit(rows)
}

export function withTeams ({ board, people }: DemoState, rows: number): Query<TeamRow> {
  return query(board).where(F('column').ne('done')).join(people, { owner: 'name' }, { as: 'person' })
    .select<TeamRow>({ key: F('_key'), title: F('title'), owner: F('owner'), team: F('person.team') })
    .orderBy('team', 'title').limit(rows)
}

export function topFive ({ board }: DemoState): Query<TopRow> {
  return query(board).where(F('column').ne('done')).orderBy('-priority', '-votes', 'title').limit(5)
    .select<TopRow>({ key: F('_key'), title: F('title'), priority: F('priority'), votes: F('votes') })
}
