// A client of the live protocol over HTTP, written from docs/protocol.md with nothing but fetch.
const url = process.argv[2]

class Connection {
  sequence = 0
  waiting = new Map()
  nextId = 1

  static async open (url) {
    const connection = new Connection()
    const answer = await fetch(`${url}?subprotocol=protobase-live.v1.json`)
    connection.url = url
    connection.events = Connection.read(answer.body)
    const opened = (await connection.events.next()).value
    if (opened.kind !== 'open') throw new Error(`first came ${opened.kind}`)
    connection.id = JSON.parse(opened.data).connection
    await connection.post([{ type: 'hello', version: 1, token: null, client: 'fetch' }])
    connection.listen()
    return connection
  }

  static async * read (body) {
    let text = ''
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      text += chunk
      let end
      while ((end = text.indexOf('\n\n')) >= 0) {
        const event = { kind: 'message', data: '' }
        for (const line of text.slice(0, end).split('\n')) {
          if (line.startsWith('event: ')) event.kind = line.slice(7)
          if (line.startsWith('data: ')) event.data = line.slice(6)
        }
        text = text.slice(end + 2)
        if (event.data) yield event
      }
    }
  }

  async listen () {
    this.ended = (async () => {
      for await (const event of this.events) {
        if (event.kind === 'close') return JSON.parse(event.data)
        const message = JSON.parse(event.data)
        if (message.type === 'result') this.waiting.get(message.id)?.(message.value)
        if (message.type === 'changes') this.waiting.get('changes')?.(message.changes)
      }
    })()
  }

  async post (messages, sequence = ++this.sequence) {
    const answer = await fetch(this.url, {
      method: 'POST',
      body: messages.map(message => JSON.stringify(message)).join('\n'),
      headers: { 'Protobase-Connection': this.id, 'Protobase-Sequence': String(sequence) }
    })
    return answer.status
  }

  async ask (...requests) {
    const numbered = requests.map(request => ({ ...request, id: this.nextId++ }))
    const answers = numbered.map(({ id }) => new Promise(resolve => this.waiting.set(id, resolve)))
    await this.post(numbered)
    return Promise.all(answers)
  }
}

const connection = await Connection.open(url)
const changed = new Promise(resolve => connection.waiting.set('changes', resolve))
await connection.ask({ type: 'subscribe', collection: 'tasks', since: null, credit: 10 })
const add = ['counter', ['votes'], 'add', [1]]
const insert = ['records', ['records'], 'insert', ['t1', { title: 'ä' }, {}]]
await connection.ask({ type: 'commit', writes: { tasks: [insert] }, checks: [], author: 'js' })
const vote = { type: 'commit', writes: { polls: [add] }, checks: [], author: 'js', id: connection.nextId++ }
const voted = new Promise(resolve => connection.waiting.set(vote.id, resolve))
const statuses = [await connection.post([vote]), await connection.post([vote], connection.sequence)]
statuses.push(await connection.post([vote], connection.sequence + 2))
await voted
const [votes] = await connection.ask({ type: 'read', collection: 'polls', read: ['counter', ['votes'], 'value', []] })
const [change] = await changed
console.log(JSON.stringify({ statuses, votes, key: change.key, title: change.after.title }))
process.stdin.resume() // until the server closes the stream
console.log(JSON.stringify(await connection.ended))
process.exit()
