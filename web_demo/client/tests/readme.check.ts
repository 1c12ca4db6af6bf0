import { connect, F, query } from '../src/index.js'

interface Task { title: string, done: boolean, priority: number }

const db = await connect('ws://127.0.0.1:8765/live')
const tasks = db.collection<Task>('tasks')
await tasks.put({ title: 'Write', done: false, priority: 1 }, 'a')

const top = query<Task>('tasks').where(F('done').eq(false)).orderBy('-priority').limit(5)
for await (const rows of db.live(top)) console.log(rows)
