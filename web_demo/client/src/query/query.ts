import { ValidationError } from '../errors.js'
import type { Wire, WireObject } from '../values/index.js'
import { Aggregate } from './aggregates.js'
import { expr, Expr, Field, fieldOrExpr, type Operand, type Params } from './expressions.js'

type Step = (params: Params) => WireObject
interface Slice { readonly offset: number, readonly limit: number | null }
type On = string | Readonly<Record<string, string>> | ReadonlyArray<readonly [string | Expr, string | Expr]>

const WHOLE: Slice = { offset: 0, limit: null }

/**
 * What to ask of a collection, once (`db.query`) or live (`db.live`): its rows go through the steps in the order they
 * are written. A query is a value: each method returns another one.
 *
 * `T` is the type of its rows, which `as` sets where steps have changed their shape.
 */
export class Query<T = Record<string, unknown>> {
  /** Only says what the rows are; there is no such value. */
  declare readonly row: T

  constructor (readonly collection: string, private readonly steps: readonly Step[] = [], private readonly slice: Slice = WHOLE) {}

  // rows

  /** Keep the rows of which all conditions are true. */
  where (...conditions: Array<Expr | boolean>): Query<T> {
    const [first = true, ...others] = conditions
    const condition = others.length === 0 ? expr(first) : expr(first).and(...others)
    return this.#with(params => ({ where: condition.form(params) }))
  }

  /** Sort: by `'title'` or an expression; `'-title'` sorts the other way round. */
  orderBy (...terms: Array<string | Expr>): Query<T> {
    const read = terms.map(term => typeof term === 'string' && term.startsWith('-') ? [fieldOrExpr(term.slice(1)), 'desc'] as const : [fieldOrExpr(term), 'asc'] as const)
    return this.#with(params => ({ order_by: read.map(([by, way]) => [by.form(params), way]) }))
  }

  /** Keep the first `n` rows. Next to `offset` it counts what is behind that, in whichever order. */
  limit (n: number): Query<T> {
    const { offset, limit } = this.slice
    return new Query(this.collection, this.steps, { offset, limit: limit === null ? n : Math.min(n, limit) })
  }

  /** Leave out the first `n` rows. */
  offset (n: number): Query<T> {
    if (this.slice.offset === 0) return new Query(this.collection, this.steps, { ...this.slice, offset: n })
    return new Query(this.collection, this.#allSteps(), { offset: n, limit: null })
  }

  /** Of equal rows keep the first. */
  distinct (): Query<T> {
    return this.#with(() => ({ distinct: true }))
  }

  // shapes

  /** Rows with these fields only: `select('title', { team: F('user.team') })`. */
  select<S = Record<string, unknown>> (...fields: Array<string | Field | Readonly<Record<string, Operand>>>): Query<S> {
    const named = fields.flatMap(namedOf)
    return this.#with<S>(params => ({ select: named.map(([name, each]) => [name, each.form(params)]) }))
  }

  /** One row a group: its keys, and aggregates by name: `groupBy('owner', { n: count() })`. A named expression is a key, too. */
  groupBy<S = Record<string, unknown>> (...given: Array<string | Field | Readonly<Record<string, Aggregate | Expr>>>): Query<S> {
    const keys: Array<[string, Expr]> = []
    const aggregates: Array<[string, Aggregate]> = []
    for (const each of given) {
      if (typeof each === 'string' || each instanceof Field) keys.push(...namedOf(each))
      else for (const [name, one] of Object.entries(each)) if (one instanceof Aggregate) aggregates.push([name, one]); else keys.push([name, one])
    }
    return this.#with<S>(params => ({
      group_by: {
        keys: keys.map(([name, each]) => [name, each.form(params)]),
        aggregates: aggregates.map(([name, each]) => [name, each.name, each.form(params)])
      }
    }))
  }

  /** One row, `{ count: n }`. */
  count (): Query<{ count: number }> {
    return this.#with<{ count: number }>(() => ({ count: true }))
  }

  /** One row for each element of a list or set; the element stands under `name` (as the field). */
  unnest<S = T> (given: string | Field, name?: string): Query<S> {
    const [[own, element]] = namedOf(given) as [[string, Expr]]
    return this.#with<S>(params => ({ unnest: { field: element.form(params), as: name ?? own } }))
  }

  // several collections

  /** Put the rows of `other` beside those of this query, under the name `as` (the collection's). `on` says what is equal:
   * `{ owner: 'name' }`, this row's field and the other's, or pairs of expressions; one name stands for the same field of both. */
  join<S = T> (other: string | Query<any>, on: On, { as, how = 'inner' }: { as?: string, how?: 'inner' | 'left' | 'right' | 'full' } = {}): Query<S> {
    const joined = typeof other === 'string' ? new Query(other) : other
    const pairs = pairsOf(on)
    return this.#with<S>(params => ({
      join: {
        query: joined.form(params),
        on: pairs.map(([left, right]) => [fieldOrExpr(left).form(params), fieldOrExpr(right).form(params)]),
        as: as ?? joined.collection,
        how
      }
    }))
  }

  /** The rows of all, equal ones once. */
  union (...others: Array<Query<any>>): Query<T> {
    return this.#with(params => ({ union: { queries: others.map(other => other.form(params)), all: false } }))
  }

  /** The rows of all, equal ones as often as they come. */
  unionAll (...others: Array<Query<any>>): Query<T> {
    return this.#with(params => ({ union: { queries: others.map(other => other.form(params)), all: true } }))
  }

  /** Add the records that are reached over at most `depth` references in a field, or with `reverse` those that refer. */
  traverse (given: string | Expr, depth: number, { reverse = false }: { reverse?: boolean } = {}): Query<T> {
    const references = fieldOrExpr(given)
    return this.#with(params => ({ traverse: { field: references.form(params), depth, reverse } }))
  }

  // as a value

  /** The same query, with rows that the type checker takes for `S`. */
  as<S> (): Query<S> {
    return new Query<S>(this.collection, this.steps, this.slice)
  }

  /** Its form on the wire, given the values of its parameters. Raises ValidationError for one that has none. */
  form (params: Params = {}): { readonly from: string, readonly steps: readonly Wire[] } {
    return { from: this.collection, steps: this.#allSteps().map(step => step(params)) }
  }

  #allSteps (): readonly Step[] {
    const { slice } = this
    return slice.offset === 0 && slice.limit === null ? this.steps : [...this.steps, () => ({ slice: { offset: slice.offset, limit: slice.limit } })]
  }

  #with<S = T> (step: Step): Query<S> {
    return new Query<S>(this.collection, [...this.#allSteps(), step])
  }
}

/** A query of a collection, to go on with: `query('tasks').where(F('done').eq(false))`. */
export function query<T = Record<string, unknown>> (collection: string): Query<T> {
  return new Query<T>(collection)
}

function namedOf (given: string | Field | Readonly<Record<string, Operand>>): Array<[string, Expr]> {
  if (typeof given !== 'string' && !(given instanceof Field)) return Object.entries(given).map(([name, each]) => [name, expr(each)])
  const found = fieldOrExpr(given)
  if (!(found instanceof Field)) throw new ValidationError('an expression needs a name: { name: expression }')
  return [[found.path.at(-1)!, found]]
}

function pairsOf (on: On): ReadonlyArray<readonly [string | Expr, string | Expr]> {
  if (typeof on === 'string') return [[on, on]]
  return Array.isArray(on) ? on as ReadonlyArray<readonly [string, string]> : Object.entries(on as Record<string, string>)
}
