import { COLUMNS, type Column, type TaskRow } from './data.js'

/** Where a task is put: in which column, and before which of the others there (their number puts it last). */
export interface Place { readonly column: Column, readonly at: number }

/** Tasks by column, in their order. */
export function inColumns (rows: readonly TaskRow[]): ReadonlyMap<Column, readonly TaskRow[]> {
  return new Map(COLUMNS.map(column => [column, rows.filter(row => row.column === column)]))
}

/** The order that puts a task between its neighbours. */
export function orderAt (others: readonly TaskRow[], at: number): number {
  const before = others[at - 1]?.order
  const after = others[at]?.order
  if (before === undefined) return after === undefined ? 1 : after - 1
  return after === undefined ? before + 1 : (before + after) / 2
}

export type Step = 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown'

/** Where an arrow key takes a task; undefined where the board ends. */
export function stepped (columns: ReadonlyMap<Column, readonly TaskRow[]>, task: TaskRow, step: Step): Place | undefined {
  const own = columns.get(task.column)!.indexOf(task)
  if (step === 'ArrowUp') return own > 0 ? { column: task.column, at: own - 1 } : undefined
  if (step === 'ArrowDown') return own < columns.get(task.column)!.length - 1 ? { column: task.column, at: own + 1 } : undefined
  const column = COLUMNS[COLUMNS.indexOf(task.column) + (step === 'ArrowLeft' ? -1 : 1)]
  return column === undefined ? undefined : { column, at: Math.min(own, columns.get(column)!.length) }
}
