import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { YCountedSet, YCounter, YHashDict, YSet } from '../src/yjs/index.js'
import { client, closing, fresh, SERVER } from './server.js'

async function joined (room: string): Promise<Y.Doc> {
  const doc = new Y.Doc()
  const polyfill = WebSocket as unknown as typeof globalThis.WebSocket
  const provider = new WebsocketProvider(SERVER.replace(/live$/, 'yjs'), room, doc, { WebSocketPolyfill: polyfill, disableBc: true })
  closing({ close: () => { provider.destroy() } })
  await new Promise<void>(resolve => { provider.once('sync', () => { resolve() }) })
  return doc
}

test('a page with a stock provider and the server have the same structures', async () => {
  const name = fresh('page')
  const board = (await client()).collection(name)
  const doc = await joined(name)
  const changes = await board.changes().open()
  await board.set('tags').add('ours', [1, 'x'])
  await board.counter('clicks').add(2)
  await board.countedSet('votes').add('a', 3)
  await board.hashDict('pairs').set([1, 2], 2n ** 60n)
  const theirs = await joined(name)
  expect([...new YSet(theirs.getMap('tags')).values()]).toEqual(expect.arrayContaining(['ours', [1, 'x']]))
  expect(new YHashDict(theirs.getMap('pairs')).get([1, 2])).toBe(2n ** 60n)

  new YSet<string>(doc.getMap('tags')).add('theirs')
  new YCounter(theirs.getMap('clicks')).add(5)
  new YCountedSet<string>(theirs.getMap('votes')).remove('a')
  new YHashDict<unknown>(theirs.getMap('pairs')).set(true, 'yes')
  const waited = new Set(['tags', 'clicks', 'votes', 'pairs'])
  for await (const { author, before, structure, key } of changes) {
    if (structure === 'tags' ? key === 'theirs' : author === null && (before !== null || key === true)) waited.delete(structure)
    if (waited.size === 0) break
  }
  expect(await board.set('tags').contains('theirs')).toBe(true)
  expect(await board.counter('clicks').value()).toBe(7)
  expect(await board.countedSet('votes').countOf('a')).toBe(2)
  expect(await board.hashDict('pairs').get(true)).toBe('yes')
})
