import type { Wire } from '../values/index.js'
import { fieldOrExpr, type Expr, type Params } from './expressions.js'

/** One aggregate of a group: its name, and what it is taken over (null: the rows themselves). Null is skipped. */
export class Aggregate {
  constructor (readonly name: string, private readonly over: Expr | null) {}

  form (params: Params): Wire {
    return this.over?.form(params) ?? null
  }
}

function over (name: string): (given: string | Expr) => Aggregate {
  return given => new Aggregate(name, fieldOrExpr(given))
}

/** How many rows there are, or, of a field or expression, how many values that are not null. */
export function count (given?: string | Expr): Aggregate {
  return new Aggregate('count', given === undefined ? null : fieldOrExpr(given))
}

/** The sum of the numbers, null without any. */
export const sum = over('sum')
/** The mean of the numbers, null without any. */
export const avg = over('avg')
/** The first value in the order of values. */
export const min = over('min')
/** The last value in the order of values. */
export const max = over('max')
/** A list of the values, in the order of the rows. */
export const collect = over('collect')
/** How many different values there are. */
export const countDistinct = over('count_distinct')
