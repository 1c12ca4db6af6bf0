import { liveUrl } from './address.js'
import { systemClock, type Clock, type Random } from './clock.js'
import { Database } from './database.js'
import { Doors } from './doors.js'
import { ValidationError } from './errors.js'
import { inspectable } from './inspector.js'
import { limitsOf, type ClientLimits } from './limits.js'
import { Link } from './link.js'
import { PresenceTables } from './presence.js'
import { ClientSession } from './protocol/session.js'
import { Tokens, type Token } from './tokens.js'
import { webSocketDial, type Dial, type SocketClass } from './transport.js'

export interface ConnectOptions {
  /**
   * What the server's operator gave out, or a function, plain or async, that gives a fresh one: it is asked at each
   * connection, and some seconds before the server ends one with its token. If it fails it is asked again, unless it
   * raises Unauthorized.
   */
  readonly token?: Token
  /** What people read in the server's log. */
  readonly name?: string
  readonly limits?: Partial<ClientLimits>
  /** The WebSocket to use where there is none, such as that of the npm package `ws`. */
  readonly webSocket?: SocketClass
  /** Gives up while there is no connection yet. */
  readonly signal?: AbortSignal
  /** What connects instead of WebSocket. */
  readonly dial?: Dial
  readonly clock?: Clock
  readonly random?: Random
}

/**
 * The database behind `url`, such as `ws://127.0.0.1:8765/live`, once there is a connection; `close` it in the end.
 *
 * An address without a path, as `serve` prints it, is that of the live door there. Of several servers of the same
 * database the first is drawn at random; when it is lost, refuses or stops, another takes its place, and what this
 * client was acknowledged is read there, too.
 *
 * Raises Unavailable without a connection within `limits.connectSeconds`; Unauthorized, when the token was not
 * accepted; ProtocolError, when what answers is not this protocol; ValidationError for addresses and limits that are none.
 */
export async function connect (url: string | readonly string[], options: ConnectOptions = {}): Promise<Database> {
  const limits = limitsOf(options.limits ?? {})
  const urls = [...new Set((typeof url === 'string' ? [url] : url).map(liveUrl))]
  if (urls.length === 0) throw new ValidationError('connect() takes the address of a server, or several, not an empty list')
  const clock = options.clock ?? systemClock
  const tables = new PresenceTables()
  const link = new Link({
    doors: new Doors(urls, clock, options.random ?? Math.random, limits),
    dial: options.dial ?? webSocketDial(options.webSocket, limits.answerBytes),
    session: new ClientSession({
      client: options.name ?? 'protobase-live javascript',
      credit: limits.credit,
      maxCalls: limits.calls,
      maxSeen: limits.seenCollections
    }),
    tokens: new Tokens(options.token ?? null),
    clock,
    limits,
    onPresence: changed => { tables.changed(changed) },
    onEnd: error => { tables.ended(error) }
  })
  inspectable(link, urls)
  await link.open(options.signal)
  return new Database(link, tables, limits, clock)
}
