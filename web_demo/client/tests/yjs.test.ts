import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { ValidationError } from '../src/errors.js'
import { fromWire, toWire, type Wire } from '../src/values/index.js'
import { type ReplicaOptions, YCountedSet, YCounter, YHashDict, YSet } from '../src/yjs/index.js'
import { vectors } from './vectors.js'

interface Vector { name: string, kind: string, actions: Array<[replica: string, action: string, args: Wire]>, entries: Record<string, Wire>, answer: Wire }

const CLASSES: Record<string, new (map: Y.Map<unknown>, options: ReplicaOptions) => any> = { set: YSet, counter: YCounter, counted_set: YCountedSet, hash_dict: YHashDict }

/** What the kind's question for everything is answered with, in the same order. */
const WHOLE: Record<string, (structure: any) => unknown> = {
  set: (structure: YSet) => [...structure.values()],
  counter: (structure: YCounter) => structure.value(),
  counted_set: (structure: YCountedSet) => [...structure.items()],
  hash_dict: (structure: YHashDict) => [...structure.items()]
}

describe('the vectors of structures in a document', () => {
  test.each(vectors<Vector[]>('structures'))('$name', ({ kind, actions, entries, answer }) => {
    const map = new Y.Doc().getMap('it')
    const open = (replica: string): any => new CLASSES[kind]!(map, { replica })
    for (const [replica, action, args] of actions) open(replica)[action](...fromWire(args) as unknown[])
    const stored = [...map.entries()].map(([key, value]) => [key, fromWire(value as Wire)])
    expect(Object.fromEntries(stored)).toEqual(fromWire(entries))
    expect(toWire(WHOLE[kind]!(open('x')))).toEqual(toWire(fromWire(answer)))
  })
})

function pair (): [Y.Doc, Y.Doc, () => void] {
  const [one, other] = [new Y.Doc(), new Y.Doc()]
  return [one, other, () => {
    Y.applyUpdate(one, Y.encodeStateAsUpdate(other))
    Y.applyUpdate(other, Y.encodeStateAsUpdate(one))
  }]
}

test('a concurrent add wins over a remove', () => {
  const [one, other, sync] = pair()
  const [ours, theirs] = [one, other].map(doc => new YSet<string>(doc.getMap('tags'))) as [YSet<string>, YSet<string>]
  ours.add('a')
  sync()
  theirs.add('a')
  ours.remove('a')
  sync()
  expect([ours.contains('a'), theirs.contains('a')]).toEqual([true, true])
  ours.remove('a')
  expect(ours.count()).toBe(0)
})

test('what is there already is added again, for a concurrent remove', () => {
  const [one, other, sync] = pair()
  const [ours, theirs] = [one, other].map(doc => new YSet<string>(doc.getMap('tags'))) as [YSet<string>, YSet<string>]
  ours.add('a')
  sync()
  theirs.remove('a')
  ours.add('a')
  sync()
  expect([ours.contains('a'), theirs.contains('a')]).toEqual([true, true])
})

test('concurrent increments add up', () => {
  const [one, other, sync] = pair()
  new YCounter(one.getMap('n')).add(3)
  new YCounter(other.getMap('n')).add()
  sync()
  expect(new YCounter(one.getMap('n')).value()).toBe(4)
})

test('a field of a record keeps its mark', () => {
  const doc = new Y.Doc()
  const field = doc.getMap<Y.Map<unknown>>('records').set('tags', new Y.Map([['@', 'set']]))
  const tags = new YSet<string>(field)
  tags.add('a')
  tags.clear()
  expect([field.get('@'), tags.count()]).toEqual(['set', 0])
})

test.each([
  ['a Set', new Set([1]), 'a Set'],
  ['a Map with other keys', new Map([[1, 'a']]), 'a Map with a key that is no string'],
  ['a Set within', [{ '@': { deep: new Set() } }], 'a Set']
])('%s is no value', (_, value, told) => {
  const dict = new YHashDict(new Y.Doc().getMap('it'))
  expect(() => { dict.set('a', value) }).toThrow(ValidationError)
  expect(() => { dict.set('a', value) }).toThrow(told)
  expect(dict.count()).toBe(0)
})

test('what looks like a set is a value', () => {
  const dict = new YHashDict(new Y.Doc().getMap('it'))
  const values = [{ '@': 'set', v: [1] }, { '@': 'map', v: [] }, new Map([['a', 1]]), new Date(0), { '@': 'dict', v: { '@': 'set', v: [2n ** 60n] } }]
  values.forEach((value, at) => { dict.set(at, value) })
  expect(values.map((_, at) => toWire(dict.get(at)))).toEqual(values.map(value => toWire(value)))
})

test('what is no entry is left out', () => {
  const map = new Y.Doc().getMap('it')
  map.set('nonsense', 1)
  map.set('nonsense|x', 'text')
  expect(new YSet(map).count()).toBe(0)
  expect(new YCountedSet(map).count()).toBe(0)
  expect(new YCounter(map).value()).toBe(1)
  expect(new YHashDict(map).items().size).toBe(0)
})
