import { ValidationError } from '../errors.js'
import { isList, short, toWire, type Value, type Wire } from '../values/index.js'

/** Values of parameters, by name. */
export type Params = Readonly<Record<string, unknown>>

type Form = (params: Params) => Wire

/** A constant or an expression. */
export type Operand = Expr | Value

/** An expression of a query; each method makes another one. */
export class Expr {
  /** Its form on the wire, given the values of parameters. Raises ValidationError for one that has none. */
  readonly form: Form

  constructor (form: Form) {
    this.form = form
  }

  eq (other: Operand): Expr { return call('==', this, other) }
  ne (other: Operand): Expr { return call('!=', this, other) }
  lt (other: Operand): Expr { return call('<', this, other) }
  le (other: Operand): Expr { return call('<=', this, other) }
  gt (other: Operand): Expr { return call('>', this, other) }
  ge (other: Operand): Expr { return call('>=', this, other) }
  and (...others: Operand[]): Expr { return call('and', this, ...others) }
  or (...others: Operand[]): Expr { return call('or', this, ...others) }
  not (): Expr { return call('not', this) }
  /** Whether it equals one of `items`, or one element of the list or set that an expression gives. */
  in (items: readonly Value[] | Expr): Expr { return call('in', this, items) }
  /** Whether a text holds a text, a list or set an element, an object a key. */
  contains (item: Operand): Expr { return call('contains', this, item) }
  /** Whether it is neither less than `low` nor greater than `high`. */
  between (low: Operand, high: Operand): Expr { return this.ge(low).and(this.le(high)) }
  /** Whether it is null or missing. */
  isNull (): Expr { return this.eq(null) }
  startsWith (prefix: Operand): Expr { return call('starts_with', this, prefix) }
  /** Whether a text fits an SQL pattern. */
  like (pattern: Operand): Expr { return call('like', this, pattern) }
  plus (other: Operand): Expr { return call('+', this, other) }
  minus (other: Operand): Expr { return call('-', this, other) }
  times (other: Operand): Expr { return call('*', this, other) }
  dividedBy (other: Operand): Expr { return call('/', this, other) }
  /** The remainder, with the sign of the divisor. */
  modulo (other: Operand): Expr { return call('%', this, other) }
  neg (): Expr { return call('neg', this) }
}

/** What stands at a path in a row. */
export class Field extends Expr {
  constructor (readonly path: readonly string[]) {
    super(() => ['field', ...path])
    if (path.length === 0 || path.includes('')) throw new ValidationError(`'${path.join('.')}' names no field; write 'owner' or 'address.city'`)
  }
}

/** The field that a text names; dots lead into nested ones: `F('address.city')`. `F('_key')` is the record's key. */
export function F (name: string): Field {
  return new Field(name.split('.'))
}

/** The field at a path of names, which may have dots in them. */
export function field (...path: string[]): Field {
  return new Field(path)
}

/** A value that is given when the query is run. */
export function param (name: string): Expr {
  return new Expr(params => {
    if (!Object.hasOwn(params, name)) throw new ValidationError(`the query needs a value for its parameter '${name}'`)
    return constant(params[name])
  })
}

/** The expression, or the constant that is none. */
export function expr (operand: Operand): Expr {
  return operand instanceof Expr ? operand : new Expr(() => constant(operand))
}

/** An expression, or the field that a text names. */
export function fieldOrExpr (given: string | Expr): Expr {
  return typeof given === 'string' ? F(given) : given
}

function call (operator: string, ...operands: Operand[]): Expr {
  const args = operands.map(expr)
  return new Expr(params => [operator, ...args.map(arg => arg.form(params))])
}

/** A constant in a form: lists, objects and sets are marked as values, dates stand as they are. */
function constant (value: unknown): Wire {
  if (value === undefined) throw new ValidationError(`a constant of a query is ${short(value)}; null is nothing`)
  const wire = toWire(value, 'a constant of a query')
  const plain = typeof wire !== 'object' || wire === null || wire instanceof Uint8Array
  return plain || (!isList(wire) && isScalarTag(wire)) ? wire : ['value', wire]
}

function isScalarTag (wire: object): boolean {
  return '@' in wire && typeof wire['@'] === 'string' && ['int', 'date', 'datetime'].includes(wire['@'])
}
