import { inspect, Refused } from './api.js'
import { Collections } from './collections.js'
import { byId, say } from './dom.js'
import { Overview } from './overview.js'
import { Poll } from './poll.js'
import { Records } from './records.js'
import { remember, token } from './token.js'

const UNAUTHORIZED = 401

const overview = new Overview()
const records = new Records(name => { collections.mark(name) })
const collections: Collections = new Collections(name => { records.browse(name) }, () => { poll.now() })
const poll = new Poll(look)

async function look (signal: AbortSignal): Promise<void> {
  try {
    const found = await inspect(collections.asked, signal)
    if (signal.aborted) return
    admit(true) // first: tables are measured when they are shown
    overview.show(found)
    collections.show(found, performance.now() / 1000)
    state('well', 'connected')
  } catch (error) {
    if (signal.aborted && (signal.reason as Error).name !== 'TimeoutError') return
    if (error instanceof Refused && error.status === UNAUTHORIZED) refuse(error)
    else state('lost', error instanceof Refused ? error.message : 'no answer from the server; trying again')
  }
}

function state (kind: 'well' | 'lost' | 'refused', text: string): void {
  byId('state').className = kind
  say(byId('state'), text)
}

/** Show what goes on, or ask for a token. */
function admit (admitted: boolean): void {
  byId('shown').hidden = !admitted
  byId('token').hidden = admitted
}

function refuse (error: Refused): void {
  poll.stop()
  say(byId('refusal'), token() === null ? 'This server asks for a token.' : `That was refused: ${error.message}`)
  remember(null)
  admit(false)
  state('refused', 'not let in')
  byId('secret').focus()
}

byId<HTMLFormElement>('token').addEventListener('submit', event => {
  event.preventDefault()
  const secret = byId<HTMLInputElement>('secret')
  remember(secret.value)
  secret.value = ''
  records.reconnect()
  poll.now()
})

poll.now()
