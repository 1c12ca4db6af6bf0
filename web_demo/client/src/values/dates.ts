import { ValidationError } from '../errors.js'

const DATE = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/
const CLOCK = '([01]\\d|2[0-3]):([0-5]\\d)(?::([0-5]\\d)(?:[.,](\\d{1,6}))?)?'
const TIME = new RegExp(`^${CLOCK}(?:(Z)|([+-])${CLOCK})?$`) // the offsets of old zones have seconds

/** A date without a time, such as `2026-11-28`, exactly as it is stored. */
export class CalendarDate {
  /** ISO 8601, as Python's `date.isoformat` writes it. */
  readonly text: string

  /** Raises ValidationError for what is no date of ISO 8601. */
  constructor (text: string) {
    this.text = checkedDate(text)
  }

  toString (): string {
    return this.text
  }

  toJSON (): string {
    return this.text
  }
}

/**
 * A date with a time, exactly as it is stored: to the microsecond, with its offset or without any.
 *
 * A `Date` of JavaScript is written as one in UTC.
 */
export class DateTime {
  /** ISO 8601, as Python's `datetime.isoformat` writes it. */
  readonly text: string

  /** Raises ValidationError for what is no date with a time of ISO 8601. */
  constructor (from: string | Date) {
    this.text = checkedDateTime(from instanceof Date ? isoOf(from) : from)
  }

  /** The moment, to the millisecond; without an offset it is taken to be UTC. */
  toDate (): Date {
    const [zone, sign, offset = '00:00'] = /([+-])(\d\d:.+)$/.exec(this.text) ?? ['']
    const shift = Date.parse(`1970-01-01T${offset}Z`)
    return new Date(Date.parse(`${this.text.slice(0, this.text.length - zone.length)}Z`) + (sign === '-' ? shift : -shift))
  }

  toString (): string {
    return this.text
  }

  toJSON (): string {
    return this.text
  }
}

function isoOf (date: Date): string {
  if (Number.isNaN(date.getTime())) throw new ValidationError('a value is an invalid Date')
  return date.toISOString()
}

function checkedDate (text: string): string {
  const there = DATE.test(text) && new Date(`${text}T00:00:00Z`)
  if (!there || Number.isNaN(there.getTime()) || !there.toISOString().startsWith(text)) {
    throw new ValidationError(`'${text}' is no date; write it like 2026-11-28`)
  }
  return text
}

function checkedDateTime (text: string): string {
  const time = TIME.exec(text.slice(11))
  if (time === null || !/[T ]/.test(text[10] ?? '')) {
    throw new ValidationError(`'${text}' is no date with a time; write it like 2026-11-28T09:30:00+01:00`)
  }
  const [, hours, minutes, seconds = '00', fraction, utc, sign, ...offset] = time
  const zone = utc === undefined ? sign === undefined ? '' : offsetOf(sign, offset) : '+00:00'
  return `${checkedDate(text.slice(0, 10))}T${hours}:${minutes}:${seconds}${fractionOf(fraction)}${zone}`
}

/** Without seconds that are zero, and without the sign of none at all. */
function offsetOf (sign: string, [hours, minutes, seconds = '00', fraction]: string[]): string {
  const precise = seconds + fractionOf(fraction)
  const offset = `${hours}:${minutes}${precise === '00' ? '' : `:${precise}`}`
  return offset === '00:00' ? '+00:00' : sign + offset
}

/** Six digits with their point, or nothing for zero. */
function fractionOf (digits = ''): string {
  return /[1-9]/.test(digits) ? `.${digits.padEnd(6, '0')}` : ''
}
