import { ValidationError } from '../errors.js'

const DATE = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/
const TIME = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,6}))?)?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?$/

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
    return new Date(/(?:Z|[+-]\d\d:\d\d)$/.test(this.text) ? this.text : `${this.text}Z`)
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
  const [, hours, minutes, seconds = '00', fraction = '', offset = ''] = time
  const micros = fraction.padEnd(6, '0')
  const part = /[1-9]/.test(micros) ? `.${micros}` : ''
  return `${checkedDate(text.slice(0, 10))}T${hours}:${minutes}:${seconds}${part}${offset === 'Z' ? '+00:00' : offset}`
}
