import { describe, expect, it, test } from 'vitest'
import { ValidationError } from '../src/errors.js'
import {
  byCodePoint, CalendarDate, DateTime, digest, fromWire, keyOfWire, keyText, packCanonical, textKey, toWire, unpack, type Wire
} from '../src/values/index.js'
import { bytesOf, hex, vectors } from './vectors.js'

interface Vector { name: string, value: Wire, packed: string, digest: string, key_text?: string }

describe('the vectors of values', () => {
  test.each(vectors<Vector[]>('values'))('$name', ({ value, packed, digest: digested, key_text: text }) => {
    const wire = unpack(bytesOf(packed))
    expect(fromWire(wire)).toEqual(fromWire(value))
    expect(hex(packCanonical(toWire(fromWire(value))))).toBe(packed)
    expect(hex(packCanonical(wire))).toBe(packed)
    expect(hex(digest(wire))).toBe(digested)
    if (text !== undefined) {
      const atom = Object.is(wire, -0) ? 0 : wire
      expect(keyText(atom)).toBe(text)
      expect(textKey(text)).toEqual(atom)
    }
  })
})

describe('what a value becomes', () => {
  test.each([
    ['a Date', new Date('2026-11-28T09:30:00.120Z'), { '@': 'datetime', v: '2026-11-28T09:30:00.120000+00:00' }],
    ['a date and time', new DateTime('2026-11-28 09:30Z'), { '@': 'datetime', v: '2026-11-28T09:30:00+00:00' }],
    ['an offset with seconds', new DateTime('1900-01-01T00:00:00+00:09:21'), { '@': 'datetime', v: '1900-01-01T00:00:00+00:09:21' }],
    ['an offset with less', new DateTime('1900-01-01T00:00-00:09:00.5'), { '@': 'datetime', v: '1900-01-01T00:00:00-00:09:00.500000' }],
    ['an offset with zeros', new DateTime('1900-01-01T00:00+01:00:00.0'), { '@': 'datetime', v: '1900-01-01T00:00:00+01:00' }],
    ['no offset at all', new DateTime('1900-01-01T00:00-00:00:00'), { '@': 'datetime', v: '1900-01-01T00:00:00+00:00' }],
    ['a date', new CalendarDate('2024-02-29'), { '@': 'date', v: '2024-02-29' }],
    ['a small bigint', 7n, 7],
    ['a set', new Set([[1, 2], [1, 2]]), { '@': 'set', v: [[1, 2]] }],
    ['a map of strings', new Map([['a', 1]]), { a: 1 }],
    ['a map of others', new Map([[1, 'a']]), { '@': 'map', v: [[1, 'a']] }],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }]
  ])('%s', (_, value, wire) => { expect(toWire(value)).toEqual(wire) })

  it('is held by nobody else', () => {
    const value = { list: [1], bytes: Uint8Array.of(1) }
    const wire = toWire(value)
    value.list.push(2)
    value.bytes[0] = 9
    expect(wire).toEqual({ list: [1], bytes: Uint8Array.of(1) })
  })
})

describe('what is no value', () => {
  const circle: unknown[] = []
  circle.push(circle)
  test.each([
    ['undefined', { title: undefined }, "record['title'] is undefined"],
    ['NaN', [Number.NaN], 'record[0] is NaN'],
    ['a lone surrogate', '\ud800', 'lone surrogate'],
    ['a function', () => {}, 'expected null, boolean'],
    ['an object of a class', new URL('http://h'), 'an object of URL'],
    ['an invalid Date', new Date('never'), 'invalid Date'],
    ['an object in a set', new Set([{}]), 'expected a scalar'],
    ['a circle', circle, 'nested deeper']
  ])('%s', (_, value, message) => {
    expect(() => toWire(value, 'record')).toThrow(ValidationError)
    expect(() => toWire(value, 'record')).toThrow(message)
  })

  test.each(['2026-02-30', '26-1-1', 'today', ''])('the date %s', text => {
    expect(() => new CalendarDate(text)).toThrow(ValidationError)
    expect(() => new DateTime(`${text}T00:00`)).toThrow(ValidationError)
  })
})

test.each(['+24:00', '+01:60', '+01:00:60', '+1', '+01:00:00.1234567', '+01:00:'])('the offset %s', offset => {
  expect(() => new DateTime(`2026-11-28T09:30${offset}`)).toThrow(ValidationError)
})

test('a date with a time is a moment', () => {
  expect(new DateTime('2026-11-28T09:30:00.123456-03:30').toDate().toISOString()).toBe('2026-11-28T13:00:00.123Z')
  expect(new DateTime('1900-01-01T00:00:00+00:09:21').toDate().toISOString()).toBe('1899-12-31T23:50:39.000Z')
  expect(new DateTime('1900-01-01T00:00:00.25-00:00:00.75').toDate().toISOString()).toBe('1900-01-01T00:00:01.000Z')
  expect(new DateTime('2026-11-28T09:30').toDate().toISOString()).toBe('2026-11-28T09:30:00.000Z')
})

test('different values have different texts', () => {
  const wires = [0, -0, '-0', '0', 2n ** 60n, String(2n ** 60n), Uint8Array.of(1), { 0: 1 }, [1], { '@': 'dict', v: { '@': '-0' } }]
  expect(new Set(wires.map(wire => keyOfWire(wire as Wire))).size).toBe(wires.length)
  expect(keyOfWire(Uint8Array.of(1))).toBe(keyOfWire(Uint8Array.of(1)))
})

test('strings are sorted by code point', () => {
  expect(['\u{1f600}', '\ufb00', 'b', 'a', ''].sort(byCodePoint)).toEqual(['', 'a', 'b', '\ufb00', '\u{1f600}'])
})

test('a tag that is none is no value', () => {
  for (const wire of [{ '@': 'date', v: 1 }, { '@': 'odd', v: '1' }, { '@': 'int', v: '0x1' }, { '@': 'date', v: '2026-02-30' }]) {
    expect(() => fromWire(wire)).toThrow('a malformed')
  }
})
