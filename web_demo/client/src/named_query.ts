import type { Link } from './link.js'
import { LiveQuery, type LiveOptions } from './live.js'
import { fromWire, type WireObject } from './values/index.js'

/** A query that the server knows by its name, and builds of its parameters and of who asks. */
export class NamedQuery<T> {
  constructor (private readonly link: Link, private readonly form: WireObject) {}

  /** The rows now. Raises ValidationError for a name or parameters that the server does not know, Forbidden, Unavailable. */
  async rows (): Promise<T[]> {
    return fromWire(await this.link.call(session => session.query(this.form, false))) as T[]
  }

  /** The rows, kept current: iterate over it, or `await` its `open()`. */
  live (options: LiveOptions<T> = {}): LiveQuery<T> {
    return new LiveQuery<T>(this.link, this.form, options)
  }
}
