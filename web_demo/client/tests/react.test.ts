// @vitest-environment happy-dom

import { createElement, type ReactElement } from 'react'
import { createRoot } from 'react-dom/client'
import { expect, test } from 'vitest'
import { query, type Database } from '../src/index.js'
import { useLiveQuery, usePresence, useStatus } from '../src/react.js'
import { client, fresh } from './server.js'
import { until } from './until.js'

interface Task { title: string }

function Board ({ db, name, user }: { db: Database, name: string, user: string }): ReactElement {
  const { rows, ready } = useLiveQuery(db, query<Task>(name).orderBy('title'))
  const { states } = usePresence(db, name, { user })
  const status = useStatus(db)
  const people = [...states.values()].map(state => state.user).sort()
  return createElement('p', null, JSON.stringify([status.state, ready, rows.map(row => row.title), people]))
}

test('hooks follow a live query, presence and the connection', async () => {
  const [one, other] = [await client(), await client()]
  const name = fresh('tasks')
  const place = document.createElement('div')
  const root = createRoot(place)
  const shows = async (told: unknown): Promise<void> => {
    await until(() => place.textContent === JSON.stringify(told), hear => {
      const observer = new MutationObserver(hear)
      observer.observe(place, { childList: true, subtree: true, characterData: true })
      return () => { observer.disconnect() }
    })
  }
  root.render(createElement(Board, { db: one, name, user: 'ann' }))
  await shows(['connected', true, [], ['ann']])
  await other.collection<Task>(name).put({ title: 'Write' }, 'a')
  await shows(['connected', true, ['Write'], ['ann']])
  const bob = await other.collection(name).presence({ user: 'bob' }).open()
  await shows(['connected', true, ['Write'], ['ann', 'bob']])
  root.render(createElement(Board, { db: one, name, user: 'eve' }))
  await until(() => [...bob.states.values()].some(state => (state as { user: string }).user === 'eve'), hear => bob.onChange(hear))
  root.unmount()
  await until(() => bob.states.size === 1, hear => bob.onChange(hear))
  expect(place.textContent).toBe('')
})
